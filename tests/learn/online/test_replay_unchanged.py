"""A long history of episodes gives the very batches that it gave when the replay was one file."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from robot_rl.datasets.record import Phase, Source
from robot_rl.learn.online import transitions
from robot_rl.learn.online.replay import CHUNK_STEP, Replay

FIELDS = {"state": ((2,), "float32"), "front": ((2, 2, 3), "uint8"), CHUNK_STEP: ((), "int16")}
HISTORIES = {"state_history": ("state", 3)}
THROUGH = "4df8c13fb1987c775666f9ff37ac717903e0e5d7ad8b646145987ab573d13f93"
"""Of before returns ended where a human takes over."""
ENDED = "62dcc3c799b7c767238571611662c2334d6d803da9c1b1d49c74e5ed1bb84383"


@pytest.mark.parametrize("known", [THROUGH, ENDED], ids=["through take-overs", "ended by take-overs"])
def test_batches_are_bit_for_bit_those_of_before(
    known: str, point: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if known == THROUGH:
        monkeypatch.setattr(transitions, "taken_over", lambda source, phase, ended: np.zeros_like(ended))
    rng, digest = np.random.default_rng(0), hashlib.sha256()
    replay = Replay(60, FIELDS, 2, n_step=3, histories=HISTORIES)
    for episode in range(30):
        fill(replay, f"episode {episode}", rng, point)
        for shares, answers in (({"demonstrations": 0.5, "online": 0.5}, False), ({"decisions": 1.0}, True)):
            if not any(len(replay.views[name]) for name in shares):
                continue
            rows = replay.draw(rng, 16, shares)
            out = replay.transitions(rows, 0.9, answers=answers)
            seen = (*out.observation.values(), *out.next_observation.values())
            for array in (rows, out.action, *seen, *out.returns, out.weight, out.human, replay.newest(5)):
                digest.update(np.ascontiguousarray(array).tobytes())
    arrays, document = replay.state()
    for name in sorted(arrays.keys() - {"column.safety"}):  # which is younger
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    assert document["count"] > 2 * replay.capacity
    assert digest.hexdigest() == known


def fill(replay: Replay, name: str, rng: np.random.Generator, point: SimpleNamespace) -> None:
    """An episode of any length and ending, perhaps helped, perhaps with a reset within, one in six dropped."""
    length, shown, won = int(rng.integers(1, 15)), bool(rng.random() < 0.3), False
    assert replay.begin(name)
    for t in range(length):
        who = (Source.HUMAN, Phase.DEMONSTRATION) if shown else (Source.POLICY, Phase.AUTONOMOUS)
        if not shown and rng.random() < 0.2:
            who = (Source.HUMAN, Phase.CORRECTION) if rng.random() < 0.7 else (Source.POLICY, Phase.RESET)
        last = {("success", "terminated", "truncated")[int(rng.integers(3))]: True} if t == length - 1 else {}
        if last.get("success"):
            last["terminated"] = won = True
        reward = float(np.float32(rng.normal()))
        step = point.step(t, source=who[0], phase=who[1], reward=reward, executed=rng.uniform(-1, 1, 2), **last)
        replay.add(row(rng, t % 2 if who[0] == Source.POLICY else -1), step, t, float(rng.integers(1, 4)))
    if rng.random() < 1 / 6:
        replay.drop()
    else:
        replay.finish(row(rng, -1), None if rng.random() < 0.2 else won)


def row(rng: np.random.Generator, chunk_step: int) -> dict[str, np.ndarray]:
    return {
        "state": rng.normal(size=2).astype(np.float32),
        "front": rng.integers(0, 256, (2, 2, 3), np.uint8),
        CHUNK_STEP: np.array(chunk_step, np.int16),
    }
