"""What a conversion may be told, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ConvertOptions:
    """Settings of all formats; each reads those that concern it."""

    episodes: tuple[int, ...] | None = None
    """Numbers of the episodes to export; None for all."""
    pictures: str = "png"
    """lerobot: `png` (lossless, in the Parquet files) or a video codec: `av1`, `h264`."""
    crf: int = 30
    """lerobot: quality of the video; lower is better and larger."""
    valid_share: float = 0.1
    """robomimic: share of the demonstrations in `mask/valid`, for those whose mask is not known."""
    seed: int = 0
    """robomimic: seed of that choice."""
    codec: str = "zstd"
    """Importing: how our data set stores pictures, where the source does not say: raw, zstd, png or jpeg:95."""
    robot: str = "unknown"
    """Importing: name of the robot, where the source does not say."""
    rate: float = 0.0
    """Importing: control rate [Hz], where the source does not say."""
    instruction: str = ""
    """Importing: the task in words, where the source does not say."""
    mapping: Path | None = None
    """rosbag: YAML that says which topic becomes which field."""


@dataclass(frozen=True)
class Report:
    """What was converted, and what the target could not hold."""

    episodes: int
    steps: int
    losses: tuple[str, ...]
    """One line for each thing that the target lacks; empty when nothing was lost."""
