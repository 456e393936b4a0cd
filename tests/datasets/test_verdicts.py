"""Episodes are summed up by purpose, and what nobody judged is neither a success nor a failure."""

from __future__ import annotations

from typing import Any

import pytest

from robot_rl.datasets.verdicts import Verdict, recorded, told


def test_each_purpose_has_a_line_with_its_rate_and_interval() -> None:
    episodes: list[tuple[str, Verdict]] = [("deployment", "failure"), ("evaluation", "success")]
    episodes += [("evaluation", "success"), ("evaluation", "failure"), ("evaluation", "discarded")]
    assert told(episodes) == [
        "1 deployment episode: 0/1 = 0% [0%, 79%] succeeded",  # 1 / (1 + 1 / 1.96^2) = 0.79
        "3 evaluation episodes: 2/3 = 67% [21%, 94%] succeeded, 1 discarded",
    ]
    assert told([]) == []


def test_episodes_that_nobody_judged_are_counted_apart_and_their_rate_as_failures_is_said() -> None:
    some: list[tuple[str, Verdict]] = [("evaluation", "success")] * 4 + [("evaluation", "unjudged")] * 4
    assert told(some) == [
        "8 evaluation episodes: 4/4 = 100% [51%, 100%] of the judged succeeded, 4 nobody judged; were those failures, "
        "4/8 = 50% [22%, 78%]"
    ]
    assert told(some[4:]) == ["4 evaluation episodes: nobody judged any"]
    assert told([("evaluation", "discarded")]) == ["0 evaluation episodes: 1 discarded"]


UNDONE = {"result": "timeout", "by": "human"}


@pytest.mark.parametrize(
    ("success", "attributes", "verdict"),
    [
        (True, {}, "success"),
        (False, {}, "failure"),
        (None, {}, "unjudged"),
        (False, {"judged": False}, "unjudged"),
        (False, {"judged": False, "marked": True}, "failure"),  # relabelled by hand
        (False, {"judged": False, "reward_label": {"by": "classifier"}}, "failure"),
        (True, {"judged": False}, "success"),
        (None, {"marked": False}, "unjudged"),  # its label was taken away
        (False, {"judged": False, "marked": True, "reward_label": UNDONE}, "unjudged"),
        (False, {"marked": True, "reward_label": UNDONE}, "failure"),  # the task had judged its states
        (False, {"judge": "keys", "marked": True, "reward_label": UNDONE}, "failure"),
        (False, {"judged": False, "marked": True, "reward_label": None}, "failure"),  # relabelled by hand after that
    ],
)
def test_what_was_said_of_a_recorded_episode_last_counts(
    success: bool | None, attributes: dict[str, Any], verdict: Verdict
) -> None:
    assert recorded(success, attributes) == verdict
