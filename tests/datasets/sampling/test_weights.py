from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError, Phase, Sample, Source
from robot_rl.datasets.sampling.weights import by_operator, by_return, rac, sirius, weights_by_name
from robot_rl.datasets.sampling.windows import Windows

from ..conftest import PERIOD, step

DEMO, AUTO, FIX, BACK = Phase.DEMONSTRATION, Phase.AUTONOMOUS, Phase.CORRECTION, Phase.RECOVERY


def windows_of(dataset: Dataset, *episodes: list[Phase], **attributes: list[object]) -> Windows:
    """Windows of one step over episodes of these phases; `operator` and `reward` are given for each."""
    for e, phases in enumerate(episodes):
        with dataset.new_episode(operator=attributes["operator"][e] if "operator" in attributes else "") as writer:
            for t, phase in enumerate(phases):
                writer.add_sample(Sample("joints", t * PERIOD, np.zeros(2)))
                source = Source.POLICY if phase == AUTO else Source.HUMAN
                reward = attributes["reward"][e] if "reward" in attributes else 0.0
                writer.add_step(step(t, phase=phase, source=source, reward=reward))
            writer.commit(True)
    return Windows(dataset, ["joints"], 1, 1)


def share(weights: np.ndarray, members: list[int]) -> float:
    return float(weights[members].sum() / weights.sum())


def test_sirius_gives_interventions_half_and_leaves_out_what_led_to_them(dataset: Dataset) -> None:
    windows = windows_of(dataset, [DEMO] * 2, [AUTO] * 5 + [BACK, FIX] + [AUTO])
    weights = sirius(windows, before=3)
    assert share(weights, [7, 8]) == pytest.approx(0.5)  # recovery and correction
    assert weights[[4, 5, 6]].tolist() == [0, 0, 0]  # the three steps ahead
    assert share(weights, [0, 1]) == pytest.approx(0.2)  # two of ten steps are demonstrations
    assert share(weights, [2, 3, 9]) == pytest.approx(0.3)


def test_what_leads_to_an_intervention_does_not_reach_into_the_episode_before(dataset: Dataset) -> None:
    weights = sirius(windows_of(dataset, [AUTO] * 3, [AUTO, FIX]), before=15)
    assert (weights == 0).tolist() == [False, False, False, True, False]


def test_an_intervention_from_the_first_step_on_is_none_of_the_episode_before(dataset: Dataset) -> None:
    weights = sirius(windows_of(dataset, [AUTO, FIX], [FIX, FIX], [AUTO, AUTO]), before=2)
    assert (weights == 0).tolist() == [True, False, False, False, False, False]
    assert share(weights, [1, 2, 3]) == pytest.approx(0.5)


def test_sirius_without_interventions_or_without_autonomy_still_draws_all(dataset: Dataset) -> None:
    assert np.ptp(sirius(windows_of(dataset, [DEMO] * 4))) == 0
    windows = Windows(dataset, ["joints"], 1, 1)
    assert share(sirius(windows), [0, 1, 2, 3]) == 1


def test_rac_mixes_recovery_and_correction_in_the_ratio_wanted(dataset: Dataset) -> None:
    windows = windows_of(dataset, [DEMO] * 4, [BACK] * 1 + [FIX] * 5)
    weights = rac(windows, corrections=2.0)
    assert share(weights, [0, 1, 2, 3]) == pytest.approx(0.4)
    assert share(weights, [4]) == pytest.approx(0.2)
    assert share(weights, [5, 6, 7, 8, 9]) == pytest.approx(0.4)


def test_trajectories_are_weighted_by_their_scaled_return(dataset: Dataset) -> None:
    windows = windows_of(dataset, [AUTO] * 2, [AUTO] * 2, [AUTO] * 4, reward=[0.0, 1.0, 1.0])  # returns 0, 2, 4
    weights = by_return(windows, temperature=0.5)
    np.testing.assert_allclose(weights[[2, 4]] / weights[0], [np.exp(1), np.exp(2)])
    assert np.ptp(weights[4:]) == 0


def test_every_operator_counts_alike(dataset: Dataset) -> None:
    windows = windows_of(dataset, [DEMO] * 2, [DEMO] * 6, [DEMO] * 2, operator=["ann", "bo", "ann"])
    weights = by_operator(windows)
    assert share(weights, [0, 1, 8, 9]) == pytest.approx(0.5)
    assert share(weights, list(range(2, 8))) == pytest.approx(0.5)


def test_weightings_multiply_and_unknown_ones_are_refused(dataset: Dataset) -> None:
    windows = windows_of(dataset, [DEMO] * 2, [AUTO, FIX], operator=["ann", "bo"])
    np.testing.assert_allclose(weights_by_name("sirius+operator", windows), sirius(windows) * by_operator(windows))
    with pytest.raises(DatasetError, match="Did you mean 'sirius'"):
        weights_by_name("siriu", windows)
    with pytest.raises(DatasetError, match="positive ratio"):
        rac(windows, corrections=0)
