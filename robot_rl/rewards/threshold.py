"""The threshold at a target number of false successes per episode, not per picture (pure).

A reward classifier ends the episode the first time it says success, and a policy has a whole episode to find a
picture that fools it. What matters is therefore how many episodes it ends wrongly. An episode of 100 pictures turns
a false-positive rate of 1 % per picture into a false success in up to 63 % of the episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.page.proportion import Proportion, wilson
from robot_rl.rewards.debounce import Rule, debounced
from robot_rl.rewards.errors import RewardError

CANDIDATES = 400
"""Thresholds that are tried, at most."""


@dataclass(frozen=True)
class Track:
    """The pictures of one episode in order."""

    scores: NDArray[np.float64]  # (T,) probabilities
    success: NDArray[np.bool_]  # (T,) what is true

    def __post_init__(self) -> None:
        if self.scores.shape != self.success.shape or self.scores.ndim != 1 or not np.isfinite(self.scores).all():
            raise RewardError(f"{self.scores.shape} scores against {self.success.shape} labels: finite, one a picture")


@dataclass(frozen=True)
class Verdict:
    """What a threshold and a rule make of one episode."""

    said: int | None
    """The picture at which success is first said; None for never."""
    false: bool
    """It was said where it was not true."""
    delay: int | None
    """Pictures from the first true success to the one where it was rightly said."""


@dataclass(frozen=True)
class OperatingPoint:
    """How a classifier is to be used, and what that was measured to give."""

    threshold: float
    rule: Rule
    false_successes: Proportion
    """Episodes ended wrongly, of all."""
    detections: Proportion | None
    """Successes that were said, of the episodes that had one; None where none had."""
    delay: float | None
    """Mean number of pictures from success to saying so."""


def said_at(scores: NDArray[np.float64], threshold: float, rule: Rule) -> int | None:
    """The picture of an episode, by its scores (T,), at which success is first said; None for never."""
    fired = np.flatnonzero(debounced(scores >= threshold, rule))
    return int(fired[0]) if len(fired) else None


def verdict(track: Track, threshold: float, rule: Rule) -> Verdict:
    """What is said of an episode, at the first moment anything is."""
    at = said_at(track.scores, threshold, rule)
    if at is None:
        return Verdict(None, False, None)
    if not track.success[at]:
        return Verdict(at, True, None)
    return Verdict(at, False, at - int(np.argmax(track.success)))


def measure(tracks: Sequence[Track], threshold: float, rule: Rule) -> OperatingPoint:
    """False successes and detections over episodes, with 95 % intervals. Raises RewardError without episodes."""
    if not tracks:
        raise RewardError("no episodes to measure a threshold on")
    verdicts = [verdict(t, threshold, rule) for t in tracks]
    had = sum(bool(t.success.any()) for t in tracks)
    delays = [v.delay for v in verdicts if v.delay is not None]
    return OperatingPoint(
        threshold=threshold,
        rule=rule,
        false_successes=wilson(sum(v.false for v in verdicts), len(tracks)),
        detections=wilson(len(delays), had) if had else None,
        delay=float(np.mean(delays)) if delays else None,
    )


def choose(tracks: Sequence[Track], target: float, rule: Rule) -> OperatingPoint:
    """The threshold that says most successes with at most `target` false successes per episode.

    Of the thresholds from which on upwards the target holds, those that detect most are kept. The middle of them in
    log-odds is taken, which stands farthest from both failures, or 0.5 where that is higher and still among them:
    a false success costs a learner more than a late one.

    Args:
        tracks: episodes that the classifier was not trained on.
        target: false successes per episode, in [0, 1).

    Raises:
        RewardError: no episodes, or a target out of range.
    """
    if not 0.0 <= target < 1.0:
        raise RewardError(f"a target of {target} false successes per episode: it lies in [0, 1), e.g. 0.05")
    points = [measure(tracks, t, rule) for t in _candidates(tracks)]
    holds = np.cumprod([p.false_successes.rate <= target for p in reversed(points)])
    kept = points[len(points) - int(holds.sum()) :]
    most = max(_detected(p) for p in kept)
    best = [p for p in kept if _detected(p) == most]
    odds = np.array([_log_odds(p.threshold) for p in best])
    wanted = max((odds[0] + odds[-1]) / 2, min(0.0, odds[-1]))
    return measure(tracks, float(1.0 / (1.0 + np.exp(-wanted))), rule) if len(best) > 1 else best[0]


def _log_odds(threshold: float) -> float:
    p = min(max(threshold, 1e-12), 1.0 - 1e-12)
    return float(np.log(p) - np.log1p(-p))


def _detected(point: OperatingPoint) -> int:
    return 0 if point.detections is None else point.detections.successes


def _candidates(tracks: Sequence[Track]) -> list[float]:
    """Thresholds between neighbouring scores, rising; the last lies above every score."""
    if not tracks:
        raise RewardError("no episodes to choose a threshold on")
    scores = np.unique(np.concatenate([t.scores for t in tracks]))
    if len(scores) > CANDIDATES:
        scores = np.unique(np.quantile(scores, np.linspace(0, 1, CANDIDATES)))
    between = (scores[:-1] + scores[1:]) / 2
    return [float(t) for t in (*between, (float(scores[-1]) + 1.0) / 2 if scores[-1] < 1.0 else np.nextafter(1.0, 2))]


def episodes_needed(target: float, confidence: float = 0.95) -> int:
    """Episodes without a single false success that it takes to claim a rate below `target`: the rule of three, exactly.

    (1 - target)^n <= 1 - confidence.
    """
    if not 0.0 < target < 1.0:
        raise RewardError(f"a target of {target}: only a rate above 0 and below 1 can be shown with finitely many")
    return int(np.ceil(np.log(1.0 - confidence) / np.log(1.0 - target)))
