"""A session's learner away from its robot, as the recipe describes it, restored or begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.hardware.config import RobotConfig
from robot_rl.learn.online import deployed
from robot_rl.learn.online.folder import EPISODES, load_base
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.store import Store


def prepared(
    plan: Recipe,
    folder: Path,
    setup: RobotConfig,
    *,
    accept_changes: bool = False,
    on_saved: Callable[[Learning], None] = lambda learning: None,
) -> Learning:
    """Everything that comes before the first robot step has been done.

    Args:
        folder: the session's; what an actor records is looked for in its data set.
        accept_changes: continue a session that was begun with another configuration.
        on_saved: told whenever the session lies on disk.

    Raises:
        TrainingError, ReplayError, DatasetError, CheckpointError: the session does not hold.
    """
    pictures = {n: (c.height, c.width) for n, c in setup.select_cameras(plan.cameras).items()}
    base = load_base(plan.online, folder, setup.spec, setup.cameras)
    learner = Learner(plan.online, setup.spec, base, pictures)
    learning = Learning(
        learner,
        Store(folder, learner, accept_changes=accept_changes),
        plan.remote,
        deployed.describe(plan.online, setup.spec, pictures),
        lambda: _recorded(folder / EPISODES),
        on_saved=on_saved,
    )
    learning.prepare(e for name in plan.dataset for e in Dataset.open(Path(name)))
    return learning


def _recorded(path: Path) -> Iterable[Episode]:
    """The episodes in the session's data set as it is now."""
    return Dataset.open(path) if (path / "zarr.json").is_file() else ()
