"""Set before anything is imported: headless rendering, checked ROS messages, a DDS domain of this run's own.

And a person and a reward classifier that tests of several folders share.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from robot_rl.runtime.launch.domain import claim_domain

os.environ["MUJOCO_GL"] = os.environ.get("MUJOCO_GL", "egl")
os.environ["PYOPENGL_PLATFORM"] = os.environ["MUJOCO_GL"]
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["ROS_DOMAIN_ID"] = str(claim_domain())
os.environ.setdefault("ROS_LOG_DIR", str(Path(tempfile.gettempdir()) / "robot_rl_tests_ros_log"))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("robot_rl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("robot_rl")

# pyrealsense2 imported before rclpy makes the process crash at exit (both bring their own copy of a C++ library).
# The camera node imports rclpy first; so do the tests.
with contextlib.suppress(ImportError):
    import rclpy  # noqa: F401

import numpy as np  # noqa: E402

from robot_rl.hardware.human import AXES, DeviceInput  # noqa: E402
from robot_rl.hardware.robot import Reading  # noqa: E402

_status = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the run ended."""
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A thread that a test left running would keep the whole run from ending: name it, and end."""
    left = [t for t in threading.enumerate() if t is not threading.current_thread() and not t.daemon]
    for thread in left:
        thread.join(timeout=2.0)
    if alive := [t.name for t in left if t.is_alive()]:
        print(f"threads left running by the tests: {', '.join(alive)}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(_status)


class Presser:
    """Watches, and holds these buttons at these looks of each episode in turn, counted from 0; implements Operator.

    Args:
        script: of each episode: look to the buttons, separated by blanks; none after the last.
        always: buttons held at every look.
    """

    def __init__(self, *script: dict[int, str], always: str = "") -> None:
        self._script, self._always = script, frozenset(always.split())
        self._episode, self._look = -1, 0

    def reset(self, seed: int | None = None) -> None:
        self._episode, self._look = self._episode + 1, -1

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        self._look += 1
        script = self._script[self._episode] if self._episode < len(self._script) else {}
        buttons = self._always | frozenset(script.get(self._look, "").split())
        return DeviceInput(reading.stamp, np.zeros(len(AXES)), buttons)


@pytest.fixture
def presser() -> type[Presser]:
    return Presser


def untrained_classifier(
    folder: Path, threshold: float, debounce: tuple[int, int] = (1, 1), width: int = 64, seed: int = 0
) -> Path:
    """An untrained network on PegSlot's camera; with threshold 0 it takes every picture for a success."""
    import torch

    from robot_rl.learn.rewards.storage import save_classifier
    from robot_rl.rewards.classifier import ClassifierConfig, RewardClassifier
    from robot_rl.rewards.debounce import Rule
    from robot_rl.rewards.drift import Reference, Usual
    from robot_rl.rewards.judge import Trained
    from robot_rl.rewards.view import View

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = RewardClassifier(ClassifierConfig(channels=(8,), features=8, hidden=8), 16)
    usual = Usual(np.zeros(1), np.ones(1), 1e9)
    view, reference = View("front", width, 64, None, 16), Reference(usual, usual, 2.0)
    save_classifier(folder, Trained(network, view, threshold, Rule(*debounce), reference), {}, {})
    return folder


@pytest.fixture
def classifier() -> Callable[..., Path]:
    """Writes a reward classifier; as `untrained_classifier`."""
    return untrained_classifier
