"""Training a classifier, and its report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tyro.conf import Positional

from robot_rl.rewards.classifier import ClassifierConfig
from robot_rl.rewards.debounce import Rule
from robot_rl.rewards.training import FitConfig

if TYPE_CHECKING:
    from robot_rl.learn.rewards.train import Result, RewardTrainConfig
    from robot_rl.rewards.frames import LabelledFrames


@dataclass(frozen=True)
class Train:
    """Train on collected pictures, choose the threshold, measure it on episodes kept apart, write the report."""

    folder: Positional[Path]
    """Where the pictures were collected; the classifier lands beside them."""
    false_successes: float = 0.05
    """Target: false successes per episode."""
    debounce: tuple[int, int] = (3, 4)
    """Success is said at k of the last n pictures."""
    network: ClassifierConfig = field(default_factory=ClassifierConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    seed: int = 0
    """Of the split into episodes, the first weights and the batches."""
    device: str = "cpu"
    """Where it is trained: `cpu`, `cuda` or `auto`."""

    def run(self) -> int:
        from robot_rl.learn.rewards.train import save

        frames, config, result = _trained(self)
        save(self.folder, result, config)
        test = result.test.point
        print(f"threshold {result.chosen.threshold:.3f}, {result.trained.rule}; on episodes kept apart:")
        print(f"  false successes per episode: {test.false_successes}")
        print(f"  successes said: {test.detections if test.detections is not None else 'no episode had one'}")
        print(f"  area under the ROC curve {result.test.curve.area:.4f}")
        print(f"classifier and report.html: {self.folder}")
        _report(self.folder, frames, result, self.false_successes)
        if test.detections is None or not test.detections.successes:
            print(_why_never(frames, result.trained.rule))
            return 1
        return 0


@dataclass(frozen=True)
class Report:
    """Write the report again from the configuration the classifier was trained with."""

    folder: Positional[Path]
    """Folder of the classifier."""

    def run(self) -> int:
        from robot_rl.learn.rewards import storage
        from robot_rl.policies.storage import read_document

        storage.load_classifier(self.folder)
        config = read_document(self.folder, storage.CLASSIFIER)["training"]["config"]
        network = config["network"] | {"channels": tuple(config["network"]["channels"])}
        options = Train(
            self.folder,
            config["false_successes"],
            tuple(config["debounce"]),
            ClassifierConfig(**network),
            FitConfig(**config["fit"]),
            config["seed"],
        )
        frames, _, result = _trained(options)
        print(_report(self.folder, frames, result, options.false_successes))
        return 0


def _trained(options: Train) -> tuple[LabelledFrames, RewardTrainConfig, Result]:
    from robot_rl.learn.rewards import storage
    from robot_rl.learn.rewards.train import RewardTrainConfig, train

    frames = storage.load_frames(options.folder)
    config = RewardTrainConfig(
        network=options.network,
        fit=replace(options.fit, seed=options.seed),
        false_successes=options.false_successes,
        debounce=options.debounce,
        seed=options.seed,
        device=options.device,
    )
    return frames, config, train(frames, config)


def _report(folder: Path, frames: LabelledFrames, result: Result, target: float) -> Path:
    from robot_rl.learn.rewards.report import write_report

    return write_report(folder / "report.html", frames, result, target)


def _why_never(frames: LabelledFrames, rule: Rule) -> str:
    """What to do about a classifier that says no success."""
    most = int(np.bincount(frames.episodes[frames.labels]).max(initial=0))
    if most < rule.k:
        return (
            f"it says no success at all: no episode shows success in more than {most} of its pictures, and the rule "
            f"wants {rule}. Go on recording after success (robot-rl launch collect), or train with --debounce 1 1"
        )
    return "it says no success at all at this target: collect what it misses, or allow more false successes"
