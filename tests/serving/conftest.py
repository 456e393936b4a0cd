from __future__ import annotations

import threading

import numpy as np
import pytest

from robot_rl.serving.server import PolicyServer
from robot_rl.spec import Field, Layout, Spec

pytest.importorskip("websockets", reason="needs robot_rl[serve]")


class Echo:
    """Row k of a chunk is the newest `q` plus k; what it was told is written down."""

    spec = Spec(
        "toy",
        20.0,
        Layout((Field("q", (2,), unit="rad"), Field("grip", (1,)))),
        Layout((Field("v", (2,), unit="m/s"),)),
    )
    inputs = Layout((spec.observation["q"], Field("front", (4, 6, 3), kind="image", dtype="uint8")))
    observation_names = ("q", "front")
    n_obs, horizon, n_action_steps = 2, 4, 3
    can_continue = True

    def __init__(self) -> None:
        self.seen: list[dict[str, np.ndarray]] = []
        self.seeds: list[int | None] = []
        self.continued: list[tuple] = []

    def predict(self, observation):
        self.seen.append(dict(observation))
        return observation["q"][-1] + np.arange(4.0)[:, None]

    def predict_onto(self, observation, committed, weights, frozen):
        self.continued.append((committed, weights, frozen))
        return self.predict(observation)

    def reset(self, seed=None):
        self.seeds.append(seed)


@pytest.fixture
def echo():
    return Echo()


@pytest.fixture
def serve():
    """Start servers; they end with the test."""
    started: list[tuple[PolicyServer, threading.Thread]] = []

    def start(policy, **options) -> PolicyServer:
        server = PolicyServer(policy, **{"port": 0, **options})
        thread = threading.Thread(target=server.run)
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.close()
        thread.join(timeout=10)
        assert not thread.is_alive()


@pytest.fixture
def observation():
    rng = np.random.default_rng(0)
    return {"q": rng.normal(size=(2, 2)), "front": rng.integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)}
