"""Where a session stands, as its actor knows it: what the learner hands over when they meet, and is told back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Generator

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.tally import Tally


def take_up(hello: Mapping[str, Any], exploration: Generator) -> tuple[Tally, list[Point], int]:
    """What was counted, the evaluations, and how many episodes were recorded and not yet learnt from.

    Args:
        hello: the learner's first word.
        exploration: goes on where it stood.

    Raises:
        TrainingError: the learner's session cannot be continued.
    """
    try:
        tally, recovered = Tally.from_dict(hello["tally"]), int(hello["recovered"])
        curve = [Point(**p) for p in hello["curve"]]
        if hello["exploration"] is not None:
            exploration.set_state(torch.from_numpy(hello["exploration"].copy()))
    except (KeyError, TypeError) as error:
        raise TrainingError(f"the learner's session cannot be continued: {error!r}") from error
    return tally, curve, recovered


def document(tally: Tally, curve: Sequence[Point], exploration: Generator) -> dict[str, Any]:
    """What the learner is told at the end of each episode and evaluation."""
    return {
        "tally": tally.to_dict(),
        "curve": [asdict(p) for p in curve],
        "exploration": exploration.get_state().numpy(),
    }
