"""Reading `hardware/<robot>/robot.yaml`: one robot's spec, driver, cameras, limits and teleoperation.

Every key is checked; an unknown or missing one is refused with its place in the file.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot_rl import extras, workspace
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Robot
from robot_rl.settings import yaml_text
from robot_rl.spec import Layout, Spec, SpecError


class ConfigError(ValueError):
    """A configuration file does not hold; the message names the file, the key and the remedy."""


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

    @property
    def simulated(self) -> bool:
        return self.driver.startswith("robot_rl.sim.")

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


_REQUIRED = {"description", "driver", "rate", "observation", "action", "limits"}
_OPTIONAL = {"options", "cameras", "teleop", "task", "control_mode"}


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
    except yaml_text.YAMLError as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a mapping was expected, got {type(data).__name__}")
    return _parse(path.parent.name, data, path, control_mode)


def _parse(name: str, data: dict[str, Any], path: Path, control_mode: str | None) -> RobotConfig:
    for key in sorted(_REQUIRED - set(data)):
        raise ConfigError(f"{path}: '{key}' is missing")
    for key in sorted(set(data) - _REQUIRED - _OPTIONAL):
        raise ConfigError(f"{path}: unknown key '{key}'.{workspace.did_you_mean(key, _REQUIRED | _OPTIONAL)}")
    modes = data["action"]
    mode = control_mode or data.get("control_mode") or next(iter(modes))
    if mode not in modes:
        raise ConfigError(f"{path}: no control mode '{mode}' under 'action'.{workspace.did_you_mean(mode, modes)}")
    try:
        spec = Spec(
            robot=name,
            rate=float(data["rate"]),
            observation=Layout.from_dict(data["observation"]),
            action=Layout.from_dict(modes[mode]),
            control_mode=mode,
        )
    except SpecError as error:
        raise ConfigError(f"{path}: {error}") from None
    for f in spec.action.vectors:
        if f.low is None or f.high is None:
            raise ConfigError(f"{path}: action '{f.name}' needs 'low' and 'high': a command without bounds is not safe")
    return RobotConfig(
        name=name,
        description=data["description"],
        driver=data["driver"],
        spec=spec,
        options=data.get("options") or {},
        cameras={n: _camera(n, c, path) for n, c in (data.get("cameras") or {}).items()},
        limits=_for_mode(data["limits"], "limits", mode, path),
        teleop=_for_mode(data.get("teleop") or {}, "teleop", mode, path),
        task=data.get("task") or {},
        path=path,
    )


def _for_mode(section: Mapping[str, Any], key: str, mode: str, path: Path) -> Mapping[str, Any]:
    """The part of a section that is written per control mode, with the part common to all merged in."""
    if not section:
        return {}
    modes = section.get("modes", {})
    common = {k: v for k, v in section.items() if k != "modes"}
    if modes and mode not in modes:
        raise ConfigError(f"{path}: '{key}.modes' says nothing of control mode '{mode}'")
    return {**common, **(modes.get(mode) or {})}


def _camera(name: str, data: Mapping[str, Any], path: Path) -> CameraConfig:
    known = {"driver", "width", "height", "fps", "depth", "options"}
    for key in sorted(set(data) - known):
        raise ConfigError(f"{path}: camera '{name}': unknown key '{key}'.{workspace.did_you_mean(key, known)}")
    for key in ("driver", "width", "height", "fps"):
        if key not in data:
            raise ConfigError(f"{path}: camera '{name}': '{key}' is missing")
    return CameraConfig(name=name, **data)


def make(config: RobotConfig, **overrides: Any) -> Robot:
    """Create the robot a configuration describes.

    Args:
        overrides: driver options that replace those of the file.
    """
    module, _, attribute = config.driver.partition(":")
    try:
        driver = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        reason = extras.explain(error) or error
        raise ConfigError(f"{config.path}: driver '{config.driver}' cannot be imported: {reason}") from error
    except AttributeError:
        raise ConfigError(f"{config.path}: module '{module}' has no '{attribute}'") from None
    return driver(config.spec, **{**config.options, **overrides})  # type: ignore[no-any-return]


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
    """The class that `module:Class` names under a key of robot.yaml. Raises ConfigError if there is none."""
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{config.path}: {key} '{path}' cannot be imported: {error}") from error
    except AttributeError:
        raise ConfigError(f"{config.path}: {key}: module '{module}' has no '{attribute}'") from None
