"""Convert a data set to another project's format, or make one of theirs.

Formats: lerobot (LeRobotDataset v3), robomimic (HDF5), diffusion-policy (Zarr replay buffer), rosbag (rosbag2
with MCAP), minari. What the target cannot hold is listed.

Examples:
  robot-rl convert datasets/lift lift_lerobot --to lerobot
  robot-rl convert datasets/lift lift_video --to lerobot --pictures av1
  robot-rl convert datasets/lift lift.hdf5 --to robomimic --valid-share 0.2
  robot-rl convert pusht.zarr.zip datasets/pusht --from diffusion-policy --rate 10 --robot pusher
  robot-rl convert bags/ datasets/mine --from rosbag --mapping mapping.yaml
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from robot_rl.commands import output
from robot_rl.commands.names import UsageError, dataset_path
from robot_rl.datasets.convert import ConvertOptions, Report, export_dataset, import_dataset
from robot_rl.datasets.dataset import Dataset

FormatName = Literal["lerobot", "robomimic", "diffusion-policy", "rosbag", "minari"]


@dataclass(frozen=True)
class Options(ConvertOptions):
    """What to convert; give either --to or --from."""

    source: Positional[str] = ""
    """Data set (name or path) to export; with --from the file or folder to import."""
    target: Positional[str] = ""
    """File or folder to make; it must not exist."""
    to: FormatName | None = None
    """Export to this format."""
    origin: Annotated[FormatName | None, tyro.conf.arg(name="from")] = None
    """Import from this format."""


def run(options: Options) -> int:
    if not options.source or not options.target:
        raise UsageError("give a source and a target: robot-rl convert SOURCE TARGET --to FORMAT (or --from FORMAT)")
    if (options.to is None) == (options.origin is None):
        raise UsageError("give either --to FORMAT (export) or --from FORMAT (import)")
    settings = ConvertOptions(**{f.name: getattr(options, f.name) for f in fields(ConvertOptions)})
    if options.to is not None:
        with Dataset.open(dataset_path(options.source)) as dataset:
            report = export_dataset(dataset, options.target, options.to, settings)
    elif options.origin is not None:
        target = options.target if "://" in options.target else dataset_path(options.target)
        report = import_dataset(Path(options.source), target, options.origin, settings)
    _print(report, options.target)
    return 0


def _print(report: Report, target: str) -> None:
    console = output.console(soft_wrap=True)
    console.print(f"{target}: {report.episodes} episodes, {report.steps} steps", markup=False)
    if report.losses:
        console.print("Not held by the target:")
        for line in report.losses:
            console.print(f"  {line}", markup=False)
    else:
        console.print("Nothing was lost.")
