"""Each decision gets the first outcome that was judged after it, once."""

from __future__ import annotations

import numpy as np

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.outcomes import pair_with_outcomes


def decision(stamp: int) -> Decision:
    action = np.zeros(1)
    return Decision(stamp, action, Source.POLICY, Phase.AUTONOMOUS, Safety(0), action, action)


def test_decisions_pair_with_the_first_later_outcome_in_order() -> None:
    decisions = {0: decision(0), 10: decision(10)}
    outcomes = {0: Outcome(reward=-1), 10: Outcome(reward=1)}
    assert [(d.stamp, o.reward) for d, o in pair_with_outcomes(decisions, outcomes)] == [(0, 1)]
    assert set(decisions) == {10}
    outcomes[20] = Outcome(reward=2)
    assert [(d.stamp, o.reward) for d, o in pair_with_outcomes(decisions, outcomes)] == [(10, 2)]


def test_without_a_judge_every_decision_is_passed_at_once() -> None:
    assert [d.stamp for d, _ in pair_with_outcomes({5: decision(5)}, None)] == [5]
