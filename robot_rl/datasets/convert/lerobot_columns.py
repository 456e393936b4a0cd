"""Which column of a LeRobotDataset holds which of our fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.spec import Field

OWN = "robot_rl."
STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
STEP_COLUMNS: dict[str, str] = {
    "reward": "next.reward",
    "success": "next.success",
    "terminated": "next.done",
} | {n: f"{OWN}{n}" for n in STEP_DTYPES if n not in ("reward", "success", "terminated", "executed")}
"""Our column of the steps table to theirs; `executed` is `action`."""


def stamp_column(stream: str) -> str:
    """The column with a stream's acquisition stamps."""
    return f"{OWN}stamp.{stream}"


def column_map(dataset: Dataset) -> dict[str, list[str]]:
    """Their column to the names of our streams in it; `action` is left out.

    A data set that came from LeRobot keeps the names it had there (its attribute `columns`).
    """
    known: Mapping[str, Any] = dataset.attributes.get("columns", {})
    out = {column: list(names) for column, names in known.items()}
    taken = {n for names in out.values() for n in names}
    for name, f in dataset.fields.items():
        if name in taken:
            continue
        if f.kind == "image":
            out[IMAGES + name] = [name]
        elif f.is_image or len(f.shape) != 1:
            out[f"depth.{name}" if f.is_image else f"observation.{name}"] = [name]
        elif known or np.dtype(f.dtype).kind != "f":
            out[f"observation.{name}"] = [name]
        else:
            out.setdefault(STATE, []).append(name)
    return out


def fields_of(dataset_fields: Mapping[str, Field], names: list[str]) -> list[Field]:
    """The fields of these names, in order."""
    return [dataset_fields[n] for n in names]
