"""What `record` and `deploy` are asked alike: which robot, with whom, into what, and in how many processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from robot_rl.commands.names import UsageError, dataset_path
from robot_rl.datasets.store.place import from_anywhere
from robot_rl.hardware import config
from robot_rl.hardware.devices.named import device_and_file
from robot_rl.hardware.devices.profile import devices
from robot_rl.workspace import did_you_mean

if TYPE_CHECKING:
    from robot_rl.commands.in_process import Job

Purpose = Literal["demonstration", "deployment", "evaluation"]
SCRIPTED = "scripted"
"""The device of a simulated task's own operator."""
COMPUTES = ("cpu", "cuda")
"""What is called a device elsewhere, and is none that a person holds."""


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """A robot, somebody at an input device, and episodes."""

    robot: str = "sim_lift"
    """A folder of hardware/ with a robot.yaml."""
    device: str = "gamepad"
    """What the person holds: gamepad, spacemouse, keyboard, or another folder of hardware/devices/, perhaps with its
    file, `gamepad:/dev/input/js1`; `scripted` is the simulated operator of the robot's task."""
    person: str = ""
    """Name of the person at the device, kept with each episode; by default nobody's, or `scripted:` and its quality."""
    dataset: str = ""
    """The data set to record to: a name under datasets/, or a path; empty records nothing."""
    episodes: int = 0
    """How many episodes; 0 goes on until Ctrl-C."""
    seed: int = 0
    """Seed of the first initial state; each episode's is one higher."""
    cameras: str = "all"
    """Which cameras: names separated by commas, `all` or `none`."""
    control_mode: str = ""
    """One of the robot's control modes; by default its own."""
    quality: str = "mixed"
    """How well the scripted operator drives: expert, mixed or poor for most tasks."""
    max_steps: int = 0
    """Time limit of an episode in steps; 0 takes the task's own."""
    lockstep: bool = False
    """Simulated robots: step as fast as the graph answers instead of in real time."""
    in_process: bool = False
    """All in this one process, without ROS: simulated robots, with the scripted operator or none."""

    def load_robot(self) -> config.RobotConfig:
        """Its configuration in the control mode asked for. Raises ConfigError."""
        return config.load(self.robot, self.control_mode or None)

    def check_counts(self) -> None:
        """Raise UsageError at a number of episodes, steps or a seed that is below 0."""
        for name in ("episodes", "max_steps", "seed"):
            if getattr(self, name) < 0:
                option = name.replace("_", "-")
                raise UsageError(f"--{option} is {getattr(self, name)}; it must be at least 0")

    def check_driver(self, robot: config.RobotConfig) -> None:
        """Raise UsageError when nobody can drive the robot like that."""
        check_driver(robot, device_and_path(self.device)[0], simulated_only=self.lockstep or self.in_process)

    @property
    def driver(self) -> str:
        """Who is noted with each episode as the one at the device."""
        return self.person or (f"{SCRIPTED}:{self.quality}" if self.device == SCRIPTED else "")

    def launch_arguments(self) -> dict[str, str]:
        """What both launch descriptions take of it."""
        device, path = device_and_path(self.device)
        return {
            "robot": self.robot,
            "device": device,
            "path": path,
            "operator": self.driver,
            "dataset": self._dataset_argument(),
            "episodes": str(self.episodes),
            "seed": str(self.seed),
            "cameras": self.cameras,
            "control_mode": self.control_mode,
            "quality": self.quality,
            "max_steps": str(self.max_steps),
            "lockstep": str(self.lockstep).lower(),
        }

    def _dataset_argument(self) -> str:
        """The data set as a launch description takes it: absolute, for `./lift` would else be read as a name."""
        return from_anywhere(dataset_path(self.dataset)) if self.dataset else ""

    def job(self, robot: config.RobotConfig, purpose: Purpose, **others: Any) -> Job:
        """The same as work for this one process.

        Args:
            others: fields of `Job` that these options do not have, or that replace theirs.
        """
        from robot_rl.commands.in_process import Job

        own: dict[str, Any] = {
            "episodes": self.episodes,
            "seed": self.seed,
            "cameras": self.cameras,
            "dataset": dataset_path(self.dataset) if self.dataset else None,
            "quality": self.quality,
            "operator": self.person,
            "max_steps": self.max_steps,
        }
        return Job(robot=robot, purpose=purpose, **{**own, **others})


def refuse_computer(device: str, own: str, policy: str) -> None:
    """Raise UsageError at a device that computes, where one that a person holds is asked for.

    Args:
        own: the option that it was given by.
        policy: that which says where a policy computes. Both with what stands between option and value.
    """
    computer = device.partition(":")[0]
    if computer in COMPUTES:
        raise UsageError(
            f"{own}{device} is no input device: {own.strip(' :=')} is what a person holds. For the policy to compute "
            f"there, say {policy}{computer}"
        )


def device_and_path(device: str, path: str = "") -> tuple[str, str]:
    """As `device_and_file`, for who may also say the file apart.

    Args:
        path: the file, where it is given apart.

    Raises:
        UsageError: two files are given, or one of the scripted operator.
    """
    if device.startswith(f"{SCRIPTED}:"):
        raise UsageError(f"'{device}': the scripted operator has no device file; how well it drives is its quality")
    kind, own = device_and_file(device)
    if own and path not in ("", own):
        raise UsageError(f"the {kind} is said to be '{own}' and '{path}': name its file once")
    return kind, own or path


def check_driver(robot: config.RobotConfig, device: str, *, simulated_only: bool) -> None:
    """Raise UsageError when nobody can drive the robot with that device, or it is real where none may be."""
    known = {*devices(), SCRIPTED}
    if device not in known:
        raise UsageError(f"no input device '{device}'.{did_you_mean(device.partition(':')[0], known)}")
    if device == SCRIPTED and not robot.task.get("operator"):
        raise UsageError(f"robot '{robot.name}' has no scripted operator; use a gamepad, spacemouse or keyboard")
    if simulated_only and not robot.simulated:
        raise UsageError(
            f"robot '{robot.name}' is real (its driver, {robot.driver}, is no simulation of robot_rl's): --lockstep "
            "and --in-process are for simulated robots"
        )
