"""A session on the point task as a process that can be killed: `python point_session.py FOLDER STEPS`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from robot_rl.datasets import Dataset
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeRules

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1)


def config(steps: int) -> OnlineConfig:
    """Small and without demonstrations; the ring wraps."""
    return OnlineConfig(
        RlpdConfig(SMALL),
        demo_share=0.0,
        steps=steps,
        warmup=15,
        evaluate_every=100_000,
        evaluation_seeds=(9000,),
        capacity=120,
    )


def point_session(directory: Path, steps: int, point: ModuleType) -> Session:
    """The session in `directory`, begun or continued; every episode goes to its data set."""
    cell = Workcell(point.Point(), Arbiter(point.SPEC, point.LIMITS), EpisodeRules(max_steps=point.HORIZON))
    dataset = Dataset.open_or_create(directory / "episodes", point.SPEC, {})
    return Session(config(steps), cell, directory=directory, dataset=dataset)


def load_point() -> ModuleType:
    """The conftest beside this file, which has the point task."""
    spec = importlib.util.spec_from_file_location("point", Path(__file__).with_name("conftest.py"))
    if spec is None or spec.loader is None:
        raise ImportError("no conftest.py beside this file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["point"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    point_session(Path(sys.argv[1]), int(sys.argv[2]), load_point()).run()
