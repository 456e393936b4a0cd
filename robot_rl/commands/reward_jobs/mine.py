"""Learning from what fooled a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.commands.names import existing_dataset


@dataclass(frozen=True)
class Mine:
    """Add the pictures that fooled a classifier to what was collected, as negatives; then train again.

    Those just before a success (`--before` of collect) are left out as they were then: nobody can say what they show.
    The outcome of the episodes must be a person's or the task's word: relabel those first that this classifier ended.
    """

    folder: Positional[Path]
    """Of the classifier."""
    dataset: Positional[str]
    """Deployments: a name under datasets/, or a path."""
    episodes: tuple[str, ...] = ()
    """Numbers and ranges: 3 7-9; all when left out."""
    most: int = 40
    """Pictures of an episode, the most convincing first."""

    def run(self) -> int:
        from robot_rl.datasets.dataset import Dataset
        from robot_rl.datasets.edit.numbers import as_ranges, parse_numbers
        from robot_rl.learn.rewards import storage
        from robot_rl.learn.rewards.collect import camera_view
        from robot_rl.learn.rewards.mine import fooled, judge_dataset, mined_frames

        data = Dataset.open(existing_dataset(self.dataset))
        trained = storage.load_classifier(self.folder)
        view = trained.view
        view.require(camera_view(data, view.camera, view.crop, view.size))
        judged = judge_dataset(trained, data, parse_numbers(self.episodes) if self.episodes else None)
        mined = mined_frames(trained, data, judged, self.most)
        if mined is None:
            print(f"it was fooled in none of {len(judged)} labelled episodes")
            return 0
        storage.save_frames(self.folder, storage.load_frames(self.folder).with_mined(mined))
        wrong = fooled(judged)
        print(f"fooled in {len(wrong)} of {len(judged)} labelled episodes: {as_ranges(j.number for j in wrong)}")
        print(f"{len(mined)} pictures added; train again: robot-rl reward train {self.folder}")
        return 0
