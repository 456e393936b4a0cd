"""From labelled pictures to a classifier to be used: fit, calibrate, choose the threshold, measure on the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robot_rl.learn.rewards import storage
from robot_rl.rewards.calibration import Bin, calibration_error, log_loss, reliability, temperature
from robot_rl.rewards.classifier import ClassifierConfig, EncoderMaker, Judged, RewardClassifier, judge_pictures
from robot_rl.rewards.debounce import Rule
from robot_rl.rewards.drift import reference
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import CUT, KINDS, LabelledFrames
from robot_rl.rewards.judge import Trained
from robot_rl.rewards.roc import Roc, roc
from robot_rl.rewards.splits import rows_of, split
from robot_rl.rewards.threshold import OperatingPoint, Track, choose, measure
from robot_rl.rewards.training import FitConfig, fit

COOLEST = 0.5
"""Least temperature: pictures that are told apart without an error ask for ever surer answers."""


@dataclass(frozen=True)
class RewardTrainConfig:
    """How a classifier is made."""

    network: ClassifierConfig = field(default_factory=ClassifierConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    false_successes: float = 0.05
    """Target: false successes per episode."""
    debounce: tuple[int, int] = (3, 4)
    """Success is said at k of the last n pictures."""
    held_out: tuple[float, float] = (0.2, 0.2)
    """Shares of the episodes to choose the threshold on, and to measure the whole on."""
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True)
class Trial:
    """What the test episodes, which nothing was chosen on, say."""

    point: OperatingPoint
    curve: Roc
    bins: tuple[Bin, ...]
    loss: float
    """Log loss of the calibrated probabilities [nat]."""
    rows: NDArray[np.int64]  # (M,) of the pictures
    probabilities: NDArray[np.float64]  # (M,)


@dataclass(frozen=True)
class Result:
    """A classifier, what it was chosen by, and what it was measured to do."""

    trained: Trained
    chosen: OperatingPoint
    """On the episodes that the threshold was chosen on."""
    test: Trial
    before: float
    """Log loss on the choosing episodes before the temperature [nat]."""
    after: float
    parts: tuple[str, ...]
    """Of each episode: train, choose or test."""
    losses: tuple[float, ...]
    identity: dict[str, Any]


def train(
    frames: LabelledFrames, config: RewardTrainConfig, encoders: Mapping[str, EncoderMaker] | None = None
) -> Result:
    """Make a classifier. The episodes are split into those to learn from, to choose on, and to test on.

    Raises:
        RewardError: a part lacks successes or other pictures, or the training fails.
    """
    parts = parts_of(frames, config)
    rows = {p: rows_of(p, parts, frames.episodes) for p in ("train", "choose", "test")}
    for part, which in rows.items():
        _check(part, frames.labels[which])
    classifier = _network(frames, config, encoders)
    losses = fit(classifier, frames.pictures[rows["train"]], frames.labels[rows["train"]], config.fit)
    before, after = _calibrate(classifier, frames, rows["choose"])
    judged = {p: judge_pictures(classifier, frames.pictures[rows[p]]) for p in rows}
    rule = Rule(*config.debounce)
    chosen = choose(tracks(frames, rows["choose"], judged["choose"]), config.false_successes, rule)
    drift = reference(judged["train"], _episodes(frames, rows["choose"], judged["choose"]))
    learnt_from = frozenset(n.rstrip(CUT) for n, part in zip(frames.ids, parts) if part != "test")
    trained = Trained(classifier, frames.view, chosen.threshold, rule, drift, frames.before, frames.rate, learnt_from)
    probabilities, labels = judged["test"].probabilities, frames.labels[rows["test"]]
    trial = Trial(
        point=measure(tracks(frames, rows["test"], judged["test"]), chosen.threshold, rule),
        curve=roc(probabilities, labels),
        bins=reliability(probabilities, labels),
        loss=log_loss(_logit(probabilities), labels),
        rows=rows["test"],
        probabilities=probabilities,
    )
    return Result(trained, chosen, trial, before, after, tuple(parts), losses, storage.identity(frames))


def parts_of(frames: LabelledFrames, config: RewardTrainConfig) -> list[str]:
    """The part of each episode: train, choose or test.

    Episodes of which mining kept only what fooled a classifier are learned from and not measured on: they are no
    whole episodes, and chosen for being hard, so that a threshold set by them would hardly ever say success.
    """
    mined = frames.kinds == KINDS.index("mined")
    whole = np.isin(np.arange(len(frames.ids)), frames.episodes[~mined])
    strata: dict[str, str] = {}
    for name, stratum, w in zip(frames.ids, frames.strata, whole):
        if w:  # the pieces of a long one belong together
            strata.setdefault(name.rstrip(CUT), stratum)
    of = dict(zip(strata, split(list(strata), list(strata.values()), config.held_out, config.seed)))
    return [of.get(name.rstrip(CUT), "train") for name in frames.ids]


def save(folder: Path, result: Result, config: RewardTrainConfig) -> None:
    """Write a classifier with what it was trained on and measured to do."""
    test = result.test
    measured = {
        "test": _point(test.point) | {"roc_area": test.curve.area, "calibration_error": calibration_error(test.bins)},
        "choose": _point(result.chosen),
        "parts": {p: result.parts.count(p) for p in ("train", "choose", "test")},
    }
    storage.save_classifier(folder, result.trained, result.identity | {"config": asdict(config)}, measured)


def tracks(frames: LabelledFrames, rows: NDArray[np.int64], judged: Judged) -> list[Track]:
    """One track an episode, in order, of the pictures in `rows` (M,), as they were judged."""
    labels = frames.labels[rows]
    return [Track(judged.probabilities[g], labels[g]) for g in _groups(frames.episodes[rows])]


def _episodes(frames: LabelledFrames, rows: NDArray[np.int64], judged: Judged) -> list[Judged]:
    return [
        Judged(judged.probabilities[g], judged.features[g], judged.appearance[g])
        for g in _groups(frames.episodes[rows])
    ]


def _groups(episodes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(episodes == e) for e in np.unique(episodes)]


def _check(part: str, labels: NDArray[np.bool_]) -> None:
    won, total = int(labels.sum()), len(labels)
    if not 0 < won < total:
        raise RewardError(
            f"the episodes to {part} on hold {won} pictures of success and {total - won} others: both are needed in "
            "each part. Collect more episodes of both sorts (three of each at the very least, 20 are advised)"
        )


def _network(
    frames: LabelledFrames, config: RewardTrainConfig, encoders: Mapping[str, EncoderMaker] | None
) -> RewardClassifier:
    encoder = storage.make_encoder(config.network.encoder, frames.view.size, encoders)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return RewardClassifier(config.network, frames.view.size, encoder).to(config.device)


def _calibrate(classifier: RewardClassifier, frames: LabelledFrames, rows: NDArray[np.int64]) -> tuple[float, float]:
    """Set the temperature; log loss before and after [nat]."""
    logits, labels = _logit(judge_pictures(classifier, frames.pictures[rows]).probabilities), frames.labels[rows]
    best = max(temperature(logits, labels), COOLEST)
    classifier.temperature.fill_(best)
    return log_loss(logits, labels), log_loss(logits / best, labels)


def _logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.clip(p, 1e-15, 1.0 - 1e-15)
    return np.asarray(np.log(p) - np.log1p(-p))


def _point(point: OperatingPoint) -> dict[str, Any]:
    return {
        "false_successes_per_episode": storage.figures(point.false_successes),
        "detections": storage.figures(point.detections),
        "delay_pictures": point.delay,
    }
