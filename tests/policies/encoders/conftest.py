"""Tiny models of timm and transformers with weights and preprocessing of their own, as they lie on a hub."""

import pytest
import torch

from robot_rl.policies.encoders.torchvision_operators import make_importable


@pytest.fixture(scope="session")
def timm_folder(tmp_path_factory):
    """A residual network of timm, 96 px, with a mean and deviation that no other model has."""
    make_importable()
    timm = pytest.importorskip("timm")
    folder = tmp_path_factory.mktemp("timm_model")
    torch.manual_seed(1)
    model = timm.create_model("test_resnet", pretrained=False)
    settings = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "input_size": (3, 96, 96), "interpolation": "bicubic"}
    model.pretrained_cfg = {**model.pretrained_cfg, **settings}
    timm.models.save_for_hf(model, folder)
    return folder


@pytest.fixture(scope="session")
def hf_folder(tmp_path_factory):
    """A DINOv2 with register tokens, 28 px in patches of 7."""
    make_importable()
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("hf_model")
    torch.manual_seed(2)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.Dinov2WithRegistersConfig(**sizes, image_size=28, patch_size=7, num_register_tokens=2)
    transformers.Dinov2WithRegistersModel(config).save_pretrained(folder)
    transformers.BitImageProcessor(
        size={"shortest_edge": 32},
        crop_size={"height": 28, "width": 28},
        image_mean=[0.2, 0.3, 0.4],
        image_std=[0.5, 0.6, 0.7],
        resample=3,
    ).save_pretrained(folder)
    return folder
