"""Over which steps the numbers are taken that training normalises with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_rl.datasets import Phase, Source
from robot_rl.learn.data import load_data


def actions(statistics):
    return [getattr(statistics["action"], k).item() for k in ("minimum", "maximum", "mean", "std", "q01", "q99")]


def test_statistics_of_several_data_sets_are_those_of_all_their_steps_together(make_dataset, small):
    once = make_dataset(1, "once", executed=np.array([0.0]))
    thrice = make_dataset(3, "thrice", executed=np.array([1.0]))
    data = load_data(replace(small(once, holdout=0.0), dataset=(once, thrice)), torch.device("cpu"))
    # 40 steps of 0 and 120 of 1: mean 3/4, variance 3/4 * 1/4
    assert actions(data.statistics) == pytest.approx([0, 1, 0.75, 3**0.5 / 4, 0, 1])


def test_steps_that_only_pad_a_chunk_are_not_counted(make_dataset, small, known_action):
    data = load_data(small(make_dataset(1), holdout=0.0), torch.device("cpu"))
    steps = np.array([known_action(t) for t in range(40)])  # chunks of 6 would repeat the last action 15 times
    expected = [steps.min(), steps.max(), steps.mean(), steps.std(), *np.quantile(steps, [0.01, 0.99])]
    assert actions(data.statistics) == pytest.approx(expected)
    clock = data.statistics["clock"]
    assert (clock.minimum.item(), clock.maximum.item(), clock.mean.item()) == (0, 39, 19.5)


def test_steps_that_are_not_learned_from_are_not_counted(make_dataset, small):
    learned = make_dataset(1, "learned", executed=np.array([0.5]))
    by_itself = {"source": Source.POLICY, "phase": Phase.AUTONOMOUS}
    robots = make_dataset(1, "robots", executed=np.array([-1.0]), **by_itself)
    config = replace(small(learned, holdout=0.0, select="human"), dataset=(learned, robots))
    data = load_data(config, torch.device("cpu"))
    assert actions(data.statistics)[:3] == [0.5, 0.5, 0.5]
