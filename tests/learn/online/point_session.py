"""Sessions on the point task as processes that can be killed: `python point_session.py FOLDER STEPS`.

Each line on standard input begins the session in FOLDER, or continues it, in a process of its own, whose number is
written to standard output.
"""

from __future__ import annotations

import importlib.util
import os
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
    task = load_point()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            point_session(Path(sys.argv[1]), int(sys.argv[2]), task).run()
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
