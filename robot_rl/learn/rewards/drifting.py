"""The drift alarm over recorded episodes."""

from __future__ import annotations

from collections.abc import Iterable

from robot_rl.datasets.dataset import Dataset
from robot_rl.learn.rewards.collect import pictures, seen
from robot_rl.rewards.classifier import judge_pictures
from robot_rl.rewards.drift import WINDOW, DriftAlarm
from robot_rl.rewards.judge import Trained


def drift_of(trained: Trained, dataset: Dataset, numbers: Iterable[int] | None = None) -> dict[int, str]:
    """What the alarm says of episodes, by number; those that are as in training are left out.

    As at run time, no more pictures a second are looked at than in training: a window that is over sooner strays
    further from what is usual. An episode shorter than the alarm's window is compared as a whole, at its last picture.
    """
    out = {}
    for number in dataset.numbers if numbers is None else numbers:
        episode = dataset.episode(number)
        found = pictures(episode, trained.view, seen(episode, trained.view.camera, trained.rate).indices)
        judged = judge_pictures(trained.classifier, found)
        alarm = DriftAlarm(trained.reference, trained.view.camera, min(WINDOW, len(found)))
        said = [alarm.add(f, a, float(p)) for f, a, p in zip(judged.features, judged.appearance, judged.probabilities)]
        warnings = [s for s in said if s is not None]
        if warnings:
            out[number] = warnings[-1]
    return out
