"""Measuring a classifier on episodes whose outcome is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.commands.names import UsageError, existing_dataset


@dataclass(frozen=True)
class Check:
    """Judge labelled episodes: false successes, successes said, and whether the camera has drifted.

    As in training, what is seen just before a success (`--before` of collect) counts as neither right nor wrong.
    Episodes that it was trained on, or its threshold chosen, are left out, and so are those that a classifier labelled.
    Exit code 1 when the share of false successes is above `--false-successes`, or the pictures have drifted.
    """

    folder: Positional[Path]
    """Folder of the classifier."""
    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episodes: tuple[str, ...] = ()
    """Numbers and ranges: 3 7-9; all when left out."""
    crop: tuple[int, int, int, int] | None = None
    """Left, top, width, height [px] of the part to look at; another one than it was trained on is refused."""
    camera: str | None = None
    """The camera to look through; by default the one it was trained on."""
    false_successes: float = 0.05
    """Most false successes per episode."""

    def run(self) -> int:
        from robot_rl.datasets.dataset import Dataset
        from robot_rl.datasets.edit.numbers import as_ranges, parse_numbers
        from robot_rl.learn.rewards import storage
        from robot_rl.learn.rewards.collect import camera_view
        from robot_rl.learn.rewards.drifting import drift_of
        from robot_rl.learn.rewards.mine import fooled, judge_dataset, unseen
        from robot_rl.rewards.threshold import Track, measure

        data = Dataset.open(existing_dataset(self.dataset))
        trained = storage.load_classifier(self.folder)
        crop = trained.view.crop if self.crop is None else self.crop
        view = camera_view(data, self.camera or trained.view.camera, crop, trained.view.size)
        trained.view.require(view)
        asked = parse_numbers(self.episodes) if self.episodes else data.numbers
        numbers = unseen(trained, data, asked)
        if left := len(asked) - len(numbers):
            print(f"{left} of {len(asked)} episodes are left out: it was trained or its threshold chosen on them")
        judged = judge_dataset(trained, data, numbers)
        if not judged:
            raise UsageError(
                f"none of {len(numbers)} episodes of {data.path} has a label to check against, a person's or recorded"
            )
        point = measure([Track(j.probabilities, j.truth) for j in judged], trained.threshold, trained.rule)
        print(f"false successes per episode: {point.false_successes}")
        print(f"  pictures of the {trained.before:g} s before a success count as neither, as in training")
        print(f"successes said: {point.detections if point.detections is not None else 'no episode had one'}")
        if wrong := fooled(judged):
            print(f"  fooled in episodes {as_ranges(j.number for j in wrong)}: `robot-rl reward mine` learns from them")
        warnings = drift_of(trained, data, numbers)
        for number, warning in warnings.items():
            print(f"  episode {number}: {warning}")
        return 1 if point.false_successes.rate > self.false_successes or warnings else 0
