"""A simulated task as a gymnasium environment, through the same robot, clock and safety envelope as everywhere else.

Importing this module registers `robot_rl/Lift-v0` and the like for every robot of `TASKS`;
`gymnasium.make("robot_rl.sim.environment:robot_rl/Lift-v0")` imports it on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.hardware import config as configs
from robot_rl.hardware.config import ConfigError, RobotConfig
from robot_rl.hardware.robot import Reading, Robot, Simulated
from robot_rl.sim.camera import MujocoCamera
from robot_rl.sim.renderer import SceneRenderer
from robot_rl.spec import Layout

Observation = NDArray[np.float32] | dict[str, NDArray[Any]]

TASKS = {
    "Lift": "sim_lift",
    "Can": "sim_can",
    "Square": "sim_square",
    "Peg": "sim_peg",
    "PickCube": "sim_pick_cube",
    "PushT": "sim_pusht",
    "PegSlot": "sim_pegslot",
    "PegSlotHard": "sim_pegslot_hard",
    "PickInsert": "sim_pickinsert",
    "PickInsertReturn": "sim_pickinsert_return",
    "Chain": "sim_chain",
    "Maze": "sim_maze",
    "MazeHalves": "sim_maze_halves",
    "Wiping": "sim_wiping",
    "Crazyflie": "sim_crazyflie",
}
"""Name of the environment `robot_rl/<name>-v0` to the robot in hardware/."""


class TaskEnv(gymnasium.Env[Any, Any]):
    """One simulated robot and its task.

    The observation is a flat float32 vector of all vector fields, laid out as `config.spec.observation`; with
    cameras it is a dictionary of that vector as `state` and one uint8 picture (H, W, 3) for each camera. The
    action is laid out as `config.spec.action`, scaled to [-1, 1] unless `normalize_actions` is off.

    An episode terminates when success has been held for `task.success_hold` steps or the robot says that it
    cannot go on, and is truncated after `task.horizon` steps. `info` carries `executed_action` (A,) in physical
    units, `success` (also as `is_success`, the name Stable-Baselines3 looks for) and `safety`, the flags of
    `robot_rl.control.safety.Safety`.

    Args:
        config: of a simulated robot.
        cameras: names of cameras in the configuration.
        seed: of the start states of resets without a seed.
        normalize_actions: scale each action number from its bounds to [-1, 1].
        render_mode: `rgb_array` renders the configuration's first camera in `render()`.
        options: driver options that replace those of robot.yaml.

    Raises:
        ConfigError: no simulated robot, or no such camera.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        config: RobotConfig,
        *,
        cameras: Sequence[str] = (),
        seed: int = 0,
        normalize_actions: bool = True,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        for name in cameras:
            if name not in config.cameras:
                hint = workspace.did_you_mean(name, config.cameras)
                raise ConfigError(f"robot '{config.name}' has no camera '{name}'.{hint}")
        for key in ("horizon", "success_hold"):
            if not isinstance(config.task.get(key), int) or config.task[key] < 1:
                raise ConfigError(
                    f"{config.path}: task.{key} is {config.task.get(key)!r}; a whole number >= 1 is needed"
                )
        self.config, self.render_mode = config, render_mode
        self.metadata = {**self.metadata, "render_fps": round(config.spec.rate)}
        self.robot: Robot = configs.make(config, **options)
        if not isinstance(self.robot, Simulated):
            raise ConfigError(f"robot '{config.name}' is not simulated: a gymnasium environment needs a task to judge")
        self._simulated: Simulated = self.robot
        self._envelope = SafetyEnvelope(config.spec, config.limits)
        self._renderer: SceneRenderer | None = None
        self._window: MujocoCamera | None = None
        self._cameras = {name: self._camera(name) for name in cameras}
        self._horizon, self._hold = int(config.task["horizon"]), int(config.task["success_hold"])
        self._steps = self._held = 0
        self._reading: Reading | None = None
        self._np_random = np.random.default_rng(seed)

        action = config.spec.action
        self._low, self._span = action.low, action.high - action.low
        self._normalize = normalize_actions
        self.action_space = _action_space(action, normalize_actions)
        self.observation_space = _observation_space(config, cameras)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """A new episode; the start state is a function of the seed alone, the same as `robot.reset(seed)` gives."""
        super().reset(seed=seed)
        scene = int(self.np_random.integers(2**31)) if seed is None else seed
        self._reading = self.robot.reset(scene)
        self._envelope.reset(self._reading.values)
        self._steps = self._held = 0
        return self._observe(self._reading), {"success": False}

    def step(self, action: NDArray[np.floating[Any]]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One control period. Raises RuntimeError before the first reset."""
        if self._reading is None:
            raise RuntimeError("step() before reset(): reset the environment first")
        now = self.robot.clock.now()
        filtered = self._envelope.filter(
            self._physical(action),
            now=now,
            command_stamp=now,
            measured=self._reading.values,
            measured_stamp=self._reading.stamp,
        )
        executed = self.robot.send(filtered.action)
        self.robot.clock.sleep_until(now + self.config.spec.period_ns)
        self._reading = self.robot.read()
        outcome = self._simulated.outcome()
        self._steps += 1
        self._held = self._held + 1 if outcome.success else 0
        terminated = outcome.terminated or self._held >= self._hold
        truncated = not terminated and self._steps >= self._horizon
        info = {
            "executed_action": executed,
            "success": outcome.success,
            "is_success": outcome.success,
            "safety": int(filtered.flags),
        }
        return self._observe(self._reading), outcome.reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:  # type: ignore[override]
        """A picture (H, W, 3) by the configuration's first camera, if `render_mode` is rgb_array."""
        if self.render_mode != "rgb_array":
            return None
        if self._window is None:
            if not self.config.cameras:
                raise ConfigError(f"robot '{self.config.name}' has no camera to render with")
            self._window = self._camera(next(iter(self.config.cameras)))
        return self._window.capture().color

    def close(self) -> None:
        """Release the scene and its renderer."""
        if self._renderer is not None:
            self._renderer.close()
        self.robot.close()

    def _physical(self, action: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        values = np.asarray(action, dtype=np.float64)
        return self._low + 0.5 * (values + 1.0) * self._span if self._normalize else values

    def _observe(self, reading: Reading) -> Observation:
        state = self.config.spec.observation.pack(reading.values).astype(np.float32)
        if not self._cameras:
            return state
        return {"state": state, **{name: camera.capture().color for name, camera in self._cameras.items()}}

    def _camera(self, name: str) -> MujocoCamera:
        if self._renderer is None:
            self._renderer = SceneRenderer(self._simulated.scene_xml())
        camera = MujocoCamera(self.config.cameras[name], self._renderer, self._simulated.scene_state)
        camera.open()
        return camera


def make_env(
    robot: str,
    *,
    cameras: Sequence[str] = (),
    seed: int = 0,
    normalize_actions: bool = True,
    control_mode: str | None = None,
    render_mode: str | None = None,
    **options: Any,
) -> TaskEnv:
    """The environment of the simulated robot called `robot` (a folder of hardware/); see TaskEnv."""
    config = configs.load(robot, control_mode)
    return TaskEnv(
        config, cameras=cameras, seed=seed, normalize_actions=normalize_actions, render_mode=render_mode, **options
    )


def _action_space(layout: Layout, normalize: bool) -> spaces.Box:
    if normalize:
        return spaces.Box(-1.0, 1.0, (layout.size,), np.float32)
    return spaces.Box(layout.low.astype(np.float32), layout.high.astype(np.float32), dtype=np.float32)


def _observation_space(config: RobotConfig, cameras: Sequence[str]) -> spaces.Space[Any]:
    """Unbounded vectors, since what is measured is not clipped, and pictures."""
    state = spaces.Box(-np.inf, np.inf, (config.spec.observation.size,), np.float32)
    if not cameras:
        return state
    pictures = {
        n: spaces.Box(0, 255, (config.cameras[n].height, config.cameras[n].width, 3), np.uint8) for n in cameras
    }
    return spaces.Dict({"state": state, **pictures})


for _name, _robot in TASKS.items():
    gymnasium.register(
        f"robot_rl/{_name}-v0", entry_point="robot_rl.sim.environment:make_env", kwargs={"robot": _robot}
    )
