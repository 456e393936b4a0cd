"""Sessions as a picture: success against what it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robot_rl.learn.files import OutputError, require_file
from robot_rl.learn.online.curve import Point


def require_picture(path: Path) -> None:
    """Raise OutputError unless a picture can be written at `path`, in the format that its name ends in."""
    from matplotlib.backend_bases import FigureCanvasBase

    formats = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in formats:
        raise OutputError(f"{path}: a picture's name ends in its format, one of {', '.join(formats)}")
    require_file(path)


def draw(curves: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Success with its 95 % interval against robot steps, minutes and, if a human helped, their steps.

    Args:
        curves: by the session's name, which is shown where there are several.
        path: the picture; its folder is made if need be.
    """
    from matplotlib.figure import Figure

    several = len(curves) > 1
    helped = any(curve[-1].human_steps > 0 for curve in curves.values())
    figure = Figure(figsize=(10 if helped else 7, 3.4 if several else 3), layout="constrained")
    axes = figure.subplots(1, 3 if helped else 2, sharey=True)
    for name, curve in curves.items():
        rate, low, high = ([100 * v for v in values] for values in zip(*((p.success, p.low, p.high) for p in curve)))
        took = [[p.robot_steps for p in curve], [p.minutes for p in curve], [p.human_steps for p in curve]]
        for axis, where in zip(axes, took):
            axis.fill_between(where, low, high, alpha=0.12 if several else 0.25, linewidth=0)
            axis.plot(where, rate, marker="o", markersize=4 if several else 6, label=name)
    for axis, label in zip(axes, ("robot steps", "minutes of robot time", "human steps")):
        axis.set_xlabel(label)
        axis.set_ylim(-2, 102)
        axis.locator_params(axis="x", nbins=5)  # numbers of six digits do not run into each other
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("success [%]")
    if several:
        axes[-1].legend(fontsize="small", loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
