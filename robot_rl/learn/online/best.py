"""The policy of a session's best evaluation, kept beside the newest in `best/`.

Learning online can spoil a policy, and a session that did ends with less than it had. Which of several evaluations on
the same held-out states was best is partly chance: its figure is a little too good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from robot_rl.learn.online import deployed
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.folder import BASE
from robot_rl.learn.statistics import wilson
from robot_rl.policies import storage

BEST = "best"


def best_of(curve: Sequence[Point]) -> Point:
    """The evaluation of most success, of several alike the latest."""
    return max(curve, key=lambda p: (p.success, p.robot_steps))


def keep_best(directory: Path, agent: Mapping[str, Tensor], facts: Mapping[str, Any], curve: Sequence[Point]) -> None:
    """Save an agent in `best/` where the newest evaluation is the best.

    Args:
        directory: of the session.
        agent: the tensors that the newest evaluation was of.
        facts: what `deployed.describe` says.
    """
    if not curve or best_of(curve) is not curve[-1]:
        return
    path = directory / BEST
    path.mkdir(parents=True, exist_ok=True)
    base = path / BASE
    if (directory / BASE).exists() and not base.is_symlink():
        base.symlink_to(Path("..") / BASE)
    training = {"robot_steps": curve[-1].robot_steps, "updates": curve[-1].updates}
    storage.write(path, deployed.NAME, agent, {**facts, "training": training})


def better_before(curve: Sequence[Point]) -> str:
    """One sentence where an earlier evaluation was better than the last, else nothing."""
    if not curve or (best := best_of(curve)) is curve[-1]:
        return ""
    before, now = (wilson(p.successes, p.trials) for p in (best, curve[-1]))
    chance = " (which may be chance)" if before.low <= now.high else ""
    return f"the policy of step {best.robot_steps} did better{chance}: {before}, the newest {now}"
