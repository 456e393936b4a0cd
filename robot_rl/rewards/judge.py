"""The classifier as a task's judge at run time: newest picture, threshold, k of n, hand check, drift alarm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Outcome
from robot_rl.rewards.classifier import RewardClassifier, judge_pictures
from robot_rl.rewards.debounce import Debounce, Rule
from robot_rl.rewards.drift import DriftAlarm, Reference
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import BEFORE
from robot_rl.rewards.pace import Pace
from robot_rl.rewards.view import View

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A classifier with all it takes to use it."""

    classifier: RewardClassifier
    view: View
    threshold: float
    rule: Rule
    reference: Reference
    before: float = BEFORE
    """So long before each success [s] its pictures were left out, since nobody can say when it began."""
    rate: float = 0.0
    """Pictures a second [Hz] that the threshold was chosen at, and that it looks at; 0: all there are."""
    learnt_from: frozenset[str] = frozenset()
    """Names of the episodes that it was trained on, or its threshold chosen."""


class ClassifierJudge:
    """Says what the newest picture shows. It fits `judge` of the control loop.

    A picture that has been judged is not counted again: a control loop faster than the camera would else let one
    picture pass for k of n. Nor are more looked at in a second than where the threshold was chosen: false successes
    were counted at that rate. A new episode begins with nothing seen.

    Args:
        trained: the classifier and its operating point.
        frames: of each camera the newest picture (H, W, 3), and when it was taken or first seen [ns]; a new picture is
            a new array.
        episode: tells episodes apart, e.g. `lambda: machine.id`.
        hand: the hand is where it must be for success to count, e.g. it has let go; None for no such check.
    """

    def __init__(
        self,
        trained: Trained,
        frames: Callable[[], Mapping[str, tuple[int, NDArray[Any]]]],
        episode: Callable[[], object],
        *,
        hand: Callable[[], bool] | None = None,
    ) -> None:
        self._trained, self._frames, self._episode, self._hand = trained, frames, episode, hand
        self._debounce = Debounce(trained.rule)
        self._alarm = DriftAlarm(trained.reference, trained.view.camera)
        self._current: object = None
        self._picture: NDArray[Any] | None = None
        self._pace = Pace(trained.rate)
        self._said = False
        self.probability = 0.0
        """Of the newest picture."""
        self.warning: str | None = None
        """What the drift alarm says; None while all is well."""

    def reset(self) -> None:
        """Forget what was seen; a new episode does so by itself."""
        self._debounce.reset()
        self._pace.reset()
        self._picture, self._said = None, False

    def __call__(self) -> Outcome:
        """Raises RewardError when the camera is not there or gives other pictures than those trained on."""
        current = self._episode()
        if current != self._current:
            self.reset()
            self._current = current
        stamp, picture = self._newest()
        if picture is not self._picture and self._pace.takes(stamp):
            self._picture = picture
            self._said = self._debounce.step(self._above(picture))
        success = self._said and (self._hand is None or self._hand())
        return Outcome(reward=float(success), success=success)

    def _newest(self) -> tuple[int, NDArray[Any]]:
        frames, camera = self._frames(), self._trained.view.camera
        if camera not in frames:
            raise RewardError(
                f"the reward classifier looks at camera '{camera}', which is not there: there is "
                f"{', '.join(sorted(frames)) or 'no camera'}. Name it with --cameras"
            )
        return frames[camera]

    def _above(self, picture: NDArray[Any]) -> bool:
        seen = judge_pictures(self._trained.classifier, self._trained.view.apply(np.asarray(picture)[None]))
        self.probability = float(seen.probabilities[0])
        warning = self._alarm.add(seen.features[0], seen.appearance[0], self.probability)
        if warning is not None and self.warning is None:
            log.warning("%s", warning)
        self.warning = warning
        return self.probability >= self._trained.threshold
