"""Reading `hardware/<robot>/robot.yaml`: one robot's spec, driver, cameras, limits and teleoperation.

Every key is checked, those of the limits and of teleoperation too, before anything is made of them: an unknown,
missing or ill-typed one is refused with its place in the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from robot_rl import workspace
from robot_rl.control.limits import parse as parse_limits
from robot_rl.hardware import plugin, teleop_map
from robot_rl.hardware.cameras.drivers import DRIVERS
from robot_rl.hardware.errors import ConfigError as ConfigError
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Robot, Simulated
from robot_rl.hardware.task import TaskSection, is_class_path
from robot_rl.settings import yaml_text
from robot_rl.settings.typed import SettingError, checked, fill, refuse_unknown, value
from robot_rl.spec import Field, Layout, Spec, SpecError, units


@dataclass(frozen=True)
class CameraConfig:
    """One camera of a robot: which driver makes it, at what size and rate."""

    name: str
    driver: str
    """A registered camera driver: `mujoco`, `opencv`, `realsense`."""
    width: int
    height: int
    fps: float
    depth: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the driver takes beyond the size: a device index, a serial number, a MuJoCo camera name."""


@dataclass(frozen=True)
class RobotConfig:
    """Everything in one robot.yaml, for one control mode."""

    name: str
    description: str
    driver: str
    """`module:Class`, imported when the robot is made, so a lab's own driver plugs in by name."""
    spec: Spec
    options: Mapping[str, Any]
    """Passed to the driver as keyword arguments."""
    cameras: Mapping[str, CameraConfig]
    limits: Mapping[str, Any]
    """The safety envelope's section, read by `robot_rl.control.envelope`."""
    teleop: Mapping[str, Any]
    """How the axes of an input device drive the action of this control mode; read by `robot_rl.hardware.teleop`."""
    task: Mapping[str, Any]
    """`horizon` [steps], `success_hold` [steps], `instruction`, and the scripted `operator` of a simulated task."""
    path: Path
    control_modes: tuple[str, ...] = ()
    """All that the file has; `spec.control_mode` is this one's."""
    simulated: bool = False
    """Its driver is a `robot_rl.hardware.robot.Simulated`: nothing can break, and time may stand still."""

    def select_cameras(self, wanted: str) -> dict[str, CameraConfig]:
        """The cameras named in `wanted`: names separated by commas, `all`, or `none` (or nothing) for none.

        Raises:
            ConfigError: the robot has no camera of that name.
        """
        names = [n.strip() for n in wanted.split(",") if n.strip()]
        for name in names:
            if name not in self.cameras and name not in ("all", "none"):
                near = workspace.did_you_mean(name, self.cameras)
                raise ConfigError(f"robot '{self.name}' has no camera '{name}'.{near}")
        return {n: c for n, c in self.cameras.items() if "all" in names or n in names}


@dataclass(frozen=True)
class _File:
    """The keys of robot.yaml and what kind of thing each holds."""

    description: str
    driver: str
    rate: float
    observation: Mapping[str, Mapping[str, Any]]
    action: Mapping[str, Mapping[str, Mapping[str, Any]]]
    limits: Mapping[str, Any]
    options: Mapping[str, Any] | None = None
    cameras: Mapping[str, Mapping[str, Any]] | None = None
    teleop: Mapping[str, Any] | None = None
    task: TaskSection | None = None
    control_mode: str | None = None
    simulated: bool | None = None
    """Left out, it is true of the drivers in robot_rl.sim."""


def robots() -> list[str]:
    """The names of all robots that have a robot.yaml."""
    return workspace.names("hardware", "robot.yaml")


def load(name: str, control_mode: str | None = None) -> RobotConfig:
    """Read the robot called `name` (or the robot.yaml at that path).

    Args:
        control_mode: one of the keys under `action:`; by default the file's own `control_mode`.

    Raises:
        ConfigError: no such robot, or the file has a missing, extra or ill-typed key.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else workspace.find("hardware", name, "robot.yaml")
    if path is None or not path.is_file():
        raise ConfigError(f"no robot '{name}'.{workspace.did_you_mean(name, robots())}")
    try:
        data = yaml_text.load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml_text.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from None
    try:
        return _parse(path.parent.name, data, path, control_mode)
    except (SettingError, SpecError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _parse(name: str, data: Any, path: Path, control_mode: str | None) -> RobotConfig:
    file = fill(_File, data)
    if not 0.0 < file.rate < math.inf:
        raise ConfigError(f"rate is {file.rate:g} Hz; it must be above 0")
    if not is_class_path(file.driver):
        raise ConfigError(f"driver is '{file.driver}'; write module:Class")
    if not file.action:
        raise ConfigError("action is empty; name at least one control mode")
    mode = control_mode or file.control_mode or next(iter(file.action))
    if mode not in file.action:
        raise ConfigError(f"no control mode '{mode}' under 'action'.{workspace.did_you_mean(mode, file.action)}")
    spec = Spec(
        robot=name,
        rate=file.rate,
        observation=_layout(file.observation, "observation"),
        action=_layout(file.action[mode], f"action.{mode}"),
        control_mode=mode,
    )
    for f in (*spec.observation.vectors, *spec.action.vectors):
        if why := units.refusal(f.kind, f.unit, f.size):
            raise ConfigError(f"field '{f.name}': {why}")
    for f in spec.action.vectors:
        if f.low is None or f.high is None:
            raise ConfigError(f"action '{f.name}' needs 'low' and 'high': a command without bounds is not safe")
    limits, teleop = _for_mode(file.limits, "limits", mode), _for_mode(file.teleop or {}, "teleop", mode)
    parse_limits(spec, limits)
    if teleop:
        teleop_map.parse(spec, teleop)
    return RobotConfig(
        name=name,
        description=file.description,
        driver=file.driver,
        spec=spec,
        options=file.options or {},
        cameras={n: _camera(n, c) for n, c in (file.cameras or {}).items()},
        limits=limits,
        teleop=teleop,
        task=checked(TaskSection, data.get("task") or {}, "task"),
        path=path,
        control_modes=tuple(file.action),
        simulated=file.driver.startswith("robot_rl.sim.") if file.simulated is None else file.simulated,
    )


def _layout(section: Mapping[str, Mapping[str, Any]], where: str) -> Layout:
    return Layout.from_dict({n: checked(Field, f, f"{where}.{n}") for n, f in section.items()})


def _for_mode(section: Mapping[str, Any], key: str, mode: str) -> Mapping[str, Any]:
    """The part of a section that is written per control mode, with the part common to all merged in."""
    common = {k: v for k, v in section.items() if k != "modes"}
    if "modes" not in section:
        return common
    modes = value(Mapping[str, Mapping[str, Any] | None], section["modes"], f"{key}.modes")
    if mode not in modes:
        raise ConfigError(f"'{key}.modes' says nothing of control mode '{mode}'")
    return {**common, **(modes[mode] or {})}


def _camera(name: str, data: Mapping[str, Any]) -> CameraConfig:
    where = f"cameras.{name}"
    refuse_unknown(data, (f.name for f in fields(CameraConfig) if f.name != "name"), f"{where}: ")
    camera = fill(CameraConfig, {"name": name, **data}, where)
    if camera.width < 1 or camera.height < 1 or not 0.0 < camera.fps < math.inf:
        raise ConfigError(
            f"{where}: {camera.width} x {camera.height} pictures at {camera.fps:g} Hz; each must be above 0"
        )
    if camera.driver not in DRIVERS and not is_class_path(camera.driver):
        near = workspace.did_you_mean(camera.driver, DRIVERS)
        raise ConfigError(f"{where}.driver: no driver '{camera.driver}', nor is that a module:Class.{near}")
    return camera


def make(config: RobotConfig, **overrides: Any) -> Robot:
    """Create the robot a configuration describes.

    Args:
        overrides: driver options that replace those of the file.

    Raises:
        ConfigError: the driver cannot be imported, does not take these options or needs others, or is a simulation
            where the file says that it is none, or the other way round.
    """
    driver = find_class(config, "driver", config.driver)
    options = {**config.options, **overrides}
    try:
        plugin.check_options(driver, config.driver, options)
    except ConfigError as error:
        raise ConfigError(f"{config.path}: {error}") from None
    made: Robot = driver(config.spec, **options)
    if config.simulated != isinstance(made, Simulated):
        made.close()
        has = "not what a simulation has" if config.simulated else "what only a simulation has"
        raise ConfigError(
            f"{config.path}: simulated is {str(config.simulated).lower()}, but the driver '{config.driver}' has {has}: "
            "scene_xml, scene_state and outcome (robot_rl.hardware.robot.Simulated)"
        )
    return made


def make_operator(config: RobotConfig, quality: str = "mixed") -> Operator:
    """The scripted operator that robot.yaml names under `task`, a stand-in for a person in simulation.

    Args:
        quality: how well it drives, in its own words.
    """
    path = str(config.task.get("operator", ""))
    if not path:
        raise ConfigError(f"{config.path}: 'task.operator' is missing, so nobody can drive '{config.name}'")
    operator = find_class(config, "task.operator", path)
    return operator(config, quality=quality)  # type: ignore[no-any-return]


def find_class(config: RobotConfig, key: str, path: str) -> Any:
    """The class that `module:Class` names under a key of robot.yaml. Raises ConfigError, with why there is none."""
    try:
        return plugin.load_class(path, key)
    except ConfigError as error:
        raise ConfigError(f"{config.path}: {error}") from error
