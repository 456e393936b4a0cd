"""Pictures with labels from recorded episodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.commands.reward_jobs.collect_live import Live, Picture
from robot_rl.commands.reward_jobs.collect_live import run as run_live


@dataclass(frozen=True)
class Collect:
    """Take pictures of success, near misses, hands and empty scenes out of a data set, or live from a robot that is
    being moved, and say what is missing.

    In a data set success is what the steps are marked with: by the task, or by the key of whoever drove. With --live it
    is what is seen while the success key is held, and all else is not; takes are kept one by one, so Ctrl-C loses
    nothing. Pictures collected before stay; of the same picture the newest label counts.
    """

    camera: str
    """The camera to look through."""
    output: Path
    """Folder of the classifier, e.g. policies/lift_reward/checkpoints."""
    dataset: Positional[str] = ""
    """A data set: a name under datasets/, or a path; none with --live."""
    live: bool = False
    """Label pictures while they are taken, by the success key. --robot and what follows it are for this."""
    crop: tuple[int, int, int, int] | None = None
    """Left, top, width, height [px] of the part to look at; the whole picture when left out."""
    size: int = 64
    """Side of the square that the classifier sees [px]."""
    episodes: tuple[str, ...] = ()
    """Numbers and ranges: 3 7-9; all when left out."""
    hands: tuple[str, ...] = ()
    """Episodes that show hands in the scene."""
    empty: tuple[str, ...] = ()
    """Episodes that show an empty scene."""
    before: float = 0.3
    """So long before each success [s] nothing is taken; the classifier keeps it, for check and mine."""
    near: float = 1.5
    """The time before that, and the last of failures, are near misses [s]."""
    keys: Path | None = None
    """A log of a held success key, one JSON object a line: {"episode": 7, "held": [3.1, 5.0]}, in seconds."""
    latency: float = 0.4
    """Of the person at that key, or at the robot [s]."""
    options: Annotated[Live, arg(name="")] = field(default_factory=Live)

    def run(self) -> int:
        if self.live == bool(self.dataset):
            raise UsageError("give either a data set, or --live to collect from a robot that is being moved")
        if self.live:
            picture = Picture(self.camera, self.crop, self.size, self.before, self.near, self.latency, self.output)
            return run_live(self.options, picture)
        from robot_rl.datasets.dataset import Dataset
        from robot_rl.datasets.edit.numbers import parse_numbers
        from robot_rl.learn.rewards import storage
        from robot_rl.learn.rewards.collect import CollectConfig, camera_view, collect
        from robot_rl.learn.rewards.key_log import KeyLog, read
        from robot_rl.rewards.frames import KINDS, advice

        data = Dataset.open(existing_dataset(self.dataset))
        config = CollectConfig(
            self.before,
            self.near,
            parse_numbers(self.hands),
            parse_numbers(self.empty),
            KeyLog() if self.keys is None else read(self.keys),
            self.latency,
        )
        view = camera_view(data, self.camera, self.crop, self.size)
        numbers = parse_numbers(self.episodes) if self.episodes else data.numbers
        frames = collect(data, view, config, numbers)
        if storage.has_frames(self.output):  # what was known of these episodes goes: they may have been relabelled
            looked_at = [str(data.episode(n).attributes["id"]) for n in numbers]
            frames = storage.load_frames(self.output).without(looked_at).joined(frames)
        storage.save_frames(self.output, frames)
        counts = frames.counts
        said = ", ".join(f"{counts[k]} {k.replace('_', ' ')}" for k in KINDS if counts[k])
        print(f"{len(frames)} pictures of {len(frames.ids)} episodes ({said}): {self.output}")
        for line in advice(frames):
            print(f"  {line}")
        return 0
