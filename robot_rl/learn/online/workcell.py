"""The robot an online session runs on, with everything that stands around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.camera import Camera
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Robot
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import EpisodeResult, Executor, run_episode
from robot_rl.runtime.recorder import EpisodeSink
from robot_rl.sim.camera import scene_cameras


@dataclass(frozen=True)
class Workcell:
    """Robot, arbiter (which owns the safety envelope), the rules of episodes, and perhaps a person who helps."""

    robot: Robot
    arbiter: Arbiter
    rules: EpisodeRules
    operator: Operator | None = None
    teleop: Teleop | None = None
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    """Open."""

    @property
    def pictures(self) -> dict[str, tuple[int, int]]:
        """Height and width of each camera's pictures."""
        return {n: (c.intrinsics.height, c.intrinsics.width) for n, c in self.cameras.items()}

    def run(
        self, executor: Executor, seed: int, purpose: str, recorder: EpisodeSink | None = None, **attributes: Any
    ) -> EpisodeResult:
        """One episode from the initial state of `seed`; in an evaluation nobody helps."""
        helped = purpose != "evaluation"
        return run_episode(
            self.robot,
            self.arbiter,
            EpisodeMachine(self.rules),
            executor=executor,
            operator=self.operator if helped else None,
            teleop=self.teleop if helped else None,
            recorder=recorder,
            cameras=self.cameras,
            seed=seed,
            purpose=purpose,
            attributes=attributes,
        )


@contextmanager
def workcell(
    name: str, *, control_mode: str | None = None, operator: str | None = None, cameras: Sequence[str] = ()
) -> Iterator[Workcell]:
    """The workcell of the simulated robot called `name`; the robot is closed at the end.

    Args:
        operator: quality of the scripted operator who watches and takes over; None for nobody.
        cameras: names of those to open.

    Raises:
        ConfigError: no such robot, or no such camera.
    """
    setup = hardware_config.load(name, control_mode)
    robot = hardware_config.make(setup)
    try:
        with scene_cameras(setup, robot, list(setup.select_cameras(",".join(cameras) or "none"))) as opened:
            yield Workcell(
                robot,
                Arbiter.from_config(setup),
                EpisodeRules.of_task(setup.task),
                hardware_config.make_operator(setup, operator) if operator is not None else None,
                Teleop(setup.spec, setup.teleop) if operator is not None else None,
                opened,
            )
    finally:
        robot.close()
