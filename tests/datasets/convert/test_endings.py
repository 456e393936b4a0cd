"""A source that knows one sort of end is not taken to say that the task was over."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets.convert.endings import told_apart


@pytest.mark.parametrize(
    ("columns", "terminated", "truncated"),
    [
        ({"terminated": [0, 0, 1]}, [0, 0, 0], [0, 0, 1]),
        ({"terminated": [0, 0, 1], "reward": [0, 0, 0]}, [0, 0, 0], [0, 0, 1]),
        ({"terminated": [0, 0, 1], "reward": [0, 0, 1]}, [0, 0, 1], [0, 0, 0]),
        ({"terminated": [0, 0, 1], "reward": [0, 1, 1]}, [0, 0, 1], [0, 0, 0]),
        ({"terminated": [0, 0, 1], "reward": [0, 0.9, 0.4]}, [0, 0, 0], [0, 0, 1]),
        ({"terminated": [0, 0, 1], "reward": [1, 1, 1]}, [0, 0, 0], [0, 0, 1]),  # for every step it stays upright
        ({"terminated": [0, 0, 1], "success": [0, 0, 1]}, [0, 0, 1], [0, 0, 0]),
        ({"terminated": [0, 0, 1], "success": [0, 0, 0], "reward": [0, 0.5, 0.9]}, [0, 0, 0], [0, 0, 1]),
        ({"terminated": [0, 0, 1], "truncated": [0, 0, 0]}, [0, 0, 1], [0, 0, 0]),  # it tells them apart itself
    ],
)
def test_a_done_is_an_end_only_where_success_or_reward_says_so(
    columns: dict[str, list[float]], terminated: list[int], truncated: list[int]
) -> None:
    found, cut = told_apart({name: np.array(values) for name, values in columns.items()})
    assert found["terminated"].tolist() == terminated and found["truncated"].tolist() == truncated
    assert cut is any(truncated)


def test_what_says_nothing_of_ends_stays_as_it_is() -> None:
    found, cut = told_apart({"executed": np.zeros((3, 2))})
    assert set(found) == {"executed"} and not cut
