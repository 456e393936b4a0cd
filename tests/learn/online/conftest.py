"""A point that is to reach a goal: the smallest task with success, a time limit, and a base policy that misses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.hardware.human import DeviceInput, HumanInput
from robot_rl.hardware.robot import Outcome, Reading, SceneState
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.workcell import Workcell
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeRules
from robot_rl.sim.clock import SteppedClock
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec(
    robot="point",
    rate=10.0,
    observation=Layout((Field("position", (2,)), Field("goal", (2,)))),
    action=Layout((Field("velocity", (2,), low=(-2, -1), high=(2, 1)),)),
)
LIMITS = {
    "command_timeout": 1.0,
    "observation_timeout": 1.0,
    "velocity": {"order": "velocity", "acceleration": 1000.0},
}
HORIZON, RADIUS = 15, 0.1


class Point:
    """A point that moves as commanded; success within RADIUS of the goal."""

    def __init__(self) -> None:
        self.spec = SPEC
        self.clock = SteppedClock(SPEC.period_ns, self._step)
        self._position, self._goal, self._velocity = np.zeros(2), np.zeros(2), np.zeros(2)

    def reset(self, seed: int | None = None) -> Reading:
        rng = np.random.default_rng(seed)
        self._position, self._goal = rng.uniform(-0.5, 0.5, 2), rng.uniform(-0.5, 0.5, 2)
        self._velocity = np.zeros(2)
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        now = self.clock.now()
        return Reading({"position": self._position.copy(), "goal": self._goal.copy()}, {"position": now, "goal": now})

    def send(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        self._velocity = action.copy()
        return action.copy()

    def stop(self) -> None:
        self._velocity = np.zeros(2)

    def close(self) -> None:
        self.stop()

    def scene_xml(self) -> str:
        return "<mujoco/>"

    def scene_state(self) -> SceneState:
        return SceneState(self.clock.now(), self._position.copy(), self._velocity.copy())

    def outcome(self) -> Outcome:
        near = bool(np.linalg.norm(self._position - self._goal) < RADIUS)
        return Outcome(reward=float(near), success=near)

    def _step(self) -> None:
        self._position = self._position + self._velocity * 0.1


class MissingBase:
    """Chunks of 4 that lead to a place beside the goal: it never succeeds."""

    spec, observation_names, n_obs, horizon, n_action_steps = SPEC, ("position", "goal"), 1, 4, 4

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        self.asked += 1
        aim = observation["goal"][-1] + np.array([0.15, 0.0]) - observation["position"][-1]
        return np.tile(np.clip(2.5 * aim, (-2, -1), (2, 1)), (4, 1))

    def reset(self, seed: int | None = None) -> None:
        self.asked = 0


class TakesOver:
    """Holds the clutch from tick `first` to `last`, and pushes one way. Operator and teleop in one."""

    action = np.array([-1.5, 0.75])

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last, self.tick = first, last, -1

    def reset(self, seed: int | None = None) -> None:
        self.tick = -1

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        self.tick += 1
        return DeviceInput(reading.stamp, np.zeros(6), frozenset())

    def interpret(self, device: DeviceInput, reading: Reading) -> HumanInput:
        return HumanInput(device.stamp, self.action, self.first <= self.tick <= self.last)

    def follow(self, executed: NDArray[np.float64], stamp: int | None = None) -> None:
        pass


def toward(reading: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """The demonstrator's action (2,)."""
    return np.clip(4.0 * (reading["goal"] - reading["position"]), (-2, -1), (2, 1))


@pytest.fixture
def point(presser: type) -> SimpleNamespace:
    return SimpleNamespace(
        spec=SPEC,
        horizon=HORIZON,
        limits=LIMITS,
        robot=Point,
        base=MissingBase,
        toward=toward,
        takes_over=TakesOver,
        step=make_step,
        presser=presser,
    )


@pytest.fixture
def small_online() -> OnlineConfig:
    """A session without demonstrations that learns from its 20th step on, and is evaluated after 100,000."""
    return OnlineConfig(
        RlpdConfig(SacConfig(critics=2, hidden=(8,), batch=8, utd=1)),
        demo_share=0.0,
        steps=100_000,
        warmup=20,
        evaluate_every=100_000,
        evaluation_seeds=(9000,),
        capacity=200,
    )


@pytest.fixture
def cell() -> Workcell:
    return Workcell(Point(), Arbiter(SPEC, LIMITS), EpisodeRules(max_steps=HORIZON))


def make_step(t: int = 0, **changes: Any) -> Step:
    """A step of the policy, two action numbers."""
    columns: dict[str, Any] = {
        "stamp": t * SPEC.period_ns,
        "executed": np.array([0.1 * t, 0.0]),
        "proposed": np.full(2, np.nan),
        "human": np.full(2, np.nan),
        "source": Source.POLICY,
        "phase": Phase.AUTONOMOUS,
    }
    return Step(**(columns | changes))


@pytest.fixture
def make_demonstrations(tmp_path: Path) -> Callable[..., Dataset]:
    """`make_demonstrations(n, success=True)`: a data set of episodes by the demonstrator, noise included."""

    def make(episodes: int, *, success: bool = True) -> Dataset:
        dataset, robot, rng = Dataset.create(tmp_path / "demonstrations", SPEC), Point(), np.random.default_rng(0)
        with dataset:
            for e in range(episodes):
                _demonstrate(dataset, robot, 500 + e, rng, success)
        return Dataset.open(tmp_path / "demonstrations")

    return make


def _demonstrate(dataset: Dataset, robot: Point, seed: int, rng: np.random.Generator, success: bool) -> None:
    reading = robot.reset(seed)
    with dataset.new_episode(seed=seed) as writer:
        for t in range(HORIZON):
            for name, value in reading.values.items():
                writer.add_sample(Sample(name, reading.stamps[name], value))
            action = np.clip(toward(reading.values) + 0.1 * rng.normal(size=2), (-2, -1), (2, 1))
            now = robot.clock.now()
            robot.send(action)
            robot.clock.sleep_until(now + SPEC.period_ns)
            reading = robot.read()
            won = success and robot.outcome().success
            human = {"source": Source.HUMAN, "phase": Phase.DEMONSTRATION, "stamp": now, "executed": action}
            over = {"success": won, "terminated": won, "truncated": not won and t == HORIZON - 1}
            writer.add_step(make_step(t, **human, reward=float(won), **over))
            if won:
                break
        for name, value in reading.values.items():
            writer.add_sample(Sample(name, reading.stamps[name], value))
        writer.commit(won, end=robot.clock.now())
