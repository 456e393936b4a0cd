"""The report of a data set: one HTML file that holds all it shows."""

from __future__ import annotations

from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.report import sections
from robot_rl.datasets.report.gather import Contents, gather
from robot_rl.page.layout import page, section


def write_report(dataset: Dataset, path: Path, *, pictures: int = 60) -> Contents:
    """Write the report of a data set to `path`; returns what it shows.

    Args:
        pictures: of at most how many episodes to show pictures.

    Raises:
        DatasetError: the data set is empty, none of it can be read, or the file cannot be written.
    """
    if not len(dataset):
        raise DatasetError(f"{dataset.path} holds no episode to report on")
    contents = gather(dataset, pictures=pictures)
    if not contents.cards:
        raise DatasetError(f"no episode of {dataset.path} can be read; robot-rl data verify says why")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(contents), encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"the report cannot be written to {path}: {error}") from None
    return contents


def render(c: Contents) -> str:
    """The report as HTML text."""
    tasks = sorted({card.instruction for card in c.cards if card.instruction})
    task = f": {', '.join(tasks[:3])}" + (" and more" if len(tasks) > 3 else "") if tasks else ""
    lead = f"{len(c.cards)} episodes of {c.summary.robot}{task}"
    return page(
        f"Data set {c.name}",
        lead,
        [
            sections.tiles(c),
            section("Problems and notes", sections.problems(c)),
            section("Success", sections.success(c)),
            section("Episodes", sections.pictures(c)),
            section("Lengths", sections.lengths(c)),
            section("Phases", sections.phases(c)),
            section("Workspace covered", sections.coverage(c)),
            section("Actions", sections.actions(c)),
            section("Streams", sections.streams(c)),
            section("About", sections.about(c)),
        ],
    )
