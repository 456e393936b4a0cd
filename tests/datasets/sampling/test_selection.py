from __future__ import annotations

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets import Dataset, Phase, Source
from robot_rl.datasets.sampling.selection import rule, segments

from ..conftest import step

DEMO, AUTO, BACK, FIX, RESET = Phase.DEMONSTRATION, Phase.AUTONOMOUS, Phase.RECOVERY, Phase.CORRECTION, Phase.RESET
ROBOT, HUMAN, REWIND, NONE = Source.POLICY, Source.HUMAN, Source.REWIND, Source.NONE

TAKE_OVER = [(AUTO, ROBOT), (BACK, REWIND), (BACK, HUMAN), (FIX, HUMAN), (FIX, NONE), (AUTO, ROBOT)]
ALONE = [(AUTO, ROBOT), (AUTO, ROBOT), (RESET, HUMAN)]
SHOWN = [(DEMO, HUMAN), (DEMO, NONE), (DEMO, HUMAN)]


@pytest.mark.parametrize(
    ("name", "steps", "success", "kept"),
    [
        ("all", TAKE_OVER, False, [1, 1, 1, 1, 0, 1]),
        ("all", ALONE, None, [1, 1, 0]),
        ("successful", TAKE_OVER, True, [1, 1, 1, 1, 0, 1]),
        ("successful", ALONE, False, [0, 0, 0]),
        ("successful", SHOWN, None, [0, 0, 0]),
        ("human", TAKE_OVER, True, [0, 0, 1, 1, 0, 0]),
        ("human", SHOWN, None, [1, 0, 1]),
        ("rac", TAKE_OVER, True, [0, 1, 1, 1, 0, 0]),
        ("rac", TAKE_OVER, False, [0, 1, 1, 1, 0, 0]),
        ("rac", ALONE, True, [1, 1, 0]),
        ("rac", ALONE, False, [0, 0, 0]),
        ("rac", ALONE, None, [0, 0, 0]),
        ("rac", SHOWN, None, [1, 0, 1]),
        ("rac", SHOWN, False, [0, 0, 0]),
    ],
)
def test_a_rule_keeps_these_steps(
    dataset: Dataset, name: str, steps: list, success: bool | None, kept: list[int]
) -> None:
    with dataset.new_episode() as writer:
        for t, (phase, source) in enumerate(steps):
            writer.add_step(step(t, phase=phase, source=source))
        writer.commit(success)
    assert rule(name)(dataset[0]).tolist() == [bool(k) for k in kept]


@pytest.mark.parametrize("phase", [DEMO, AUTO, BACK, FIX])
def test_backing_off_from_a_force_is_never_learned_from_whatever_the_phase(dataset: Dataset, phase: Phase) -> None:
    backs_off = {"source": REWIND, "safety": Safety.RETREAT | Safety.FORCE}
    with dataset.new_episode() as writer:
        writer.add_step(step(0, phase=phase, source=HUMAN))
        writer.add_step(step(1, phase=phase, **backs_off))
        writer.add_step(step(2, phase=phase, source=REWIND))  # a person rewinds
        writer.commit(True)
    assert rule("all")(dataset[0]).tolist() == [True, False, True]
    assert not any(rule(name)(dataset[0])[1] for name in ("successful", "human", "rac"))


def test_segments_are_the_runs_of_true() -> None:
    mask = np.array([1, 1, 0, 0, 1, 0, 1], bool)
    assert segments(mask) == [(0, 2), (4, 5), (6, 7)]
    assert segments(np.zeros(3, bool)) == []
    assert segments(np.ones(2, bool)) == [(0, 2)]
