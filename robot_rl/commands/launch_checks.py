"""What can be checked of a launch description's arguments before any process starts; afterwards each says it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from robot_rl.commands.graph_options import check_driver, device_and_path, refuse_computer
from robot_rl.commands.names import UsageError
from robot_rl.commands.policy_options import resolved, trained_for
from robot_rl.hardware import config
from robot_rl.serving.loading import check_options

ROBOT = "sim_lift"
"""The robot of a description that is not told which, but for a session."""
COUNTS = ("episodes", "max_steps", "trials", "evaluate_every")


def completed(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """The arguments with the device apart from its file (`device:=gamepad:/dev/input/js1`), with the robot that the
    policy of a deployment was trained for, and with what a session's recipe says where they are silent: robot, control
    mode, cameras, and whether an episode ends when a person hands back.

    Raises:
        UsageError: the device has two files, or is one that has none, or is where a policy computes; which robot a
            policy on a server is for.
        CheckpointError: there is no such policy.
        TrainingError: there is no such recipe, or it does not hold.
    """
    if name in _CHECKS and ":" in given.get("device", ""):
        device, path = device_and_path(given["device"], given.get("path", ""))
        given = {**given, "device": device, "path": path}
    if name in ("deploy", "finetune"):
        refuse_computer(given.get("device", ""), "device:=", "policy_device:=")
    if name == "deploy" and given.get("checkpoint") and not given.get("robot"):
        policy = resolved(given["checkpoint"])
        return {**given, "checkpoint": policy, "robot": trained_for(policy, "robot:=NAME")}
    if name != "finetune" or not (known := _recipe_of(given)):
        return dict(given)
    from robot_rl.learn.online import recipe

    loaded = recipe.load(known)
    own = {"robot": loaded.robot, "control_mode": loaded.control_mode, "cameras": loaded.cameras}
    own["end_after_intervention"] = str(loaded.end_after_intervention).lower()
    return {**own, **given}


def check(name: str, given: Mapping[str, str]) -> None:
    """Refuse arguments that cannot lead anywhere; those of a description of one's own are its own business.

    Raises:
        UsageError: one is missing, or out of range, or nobody can drive the robot with that device.
        ConfigError: there is no such robot or camera, or its file does not hold.
        TrainingError: there is no such recipe, or it does not hold.
    """
    if name not in _CHECKS:
        return
    for count in COUNTS:
        if given.get(count, "").startswith("-"):
            raise UsageError(f"{count}:={given[count]}: it must be at least 0")
    _CHECKS[name](given)


def _graph(given: Mapping[str, str]) -> None:
    """There is the robot, with these cameras, and a device to drive it with."""
    robot = config.load(given.get("robot") or ROBOT, given.get("control_mode") or None)
    robot.select_cameras(given.get("cameras", "all"))
    if "device" in given and given.get("intervene") != "false":
        check_driver(robot, given["device"], simulated_only=given.get("lockstep") == "true")


def _deploy(given: Mapping[str, str]) -> None:
    """There is a policy."""
    if not given.get("checkpoint"):
        raise UsageError("checkpoint:= is missing: give a checkpoint, a run, a recipe, or ws://host:port of a server")
    spoken = {key: given.get(key, "") for key in ("fields", "prompt")}
    check_options([given["checkpoint"]], device=given.get("policy_device", "cpu"), **spoken)
    _graph(given)


def _finetune(given: Mapping[str, str]) -> None:
    """There is a session, or a recipe to begin one with."""
    if not given.get("session"):
        raise UsageError("session:= is missing: give the folder of the session, new or to be continued")
    from robot_rl.learn.online import recipe

    if not (known := _recipe_of(given)):
        raise UsageError(
            f"{given['session']} holds no session yet: give recipe:=, a folder of policies/ with a {recipe.FILE}"
        )
    recipe.load(known)
    if "robot" in given:
        _graph(given)


def _recipe_of(given: Mapping[str, str]) -> str | Path:
    """The file of the session, if it has been begun; else the recipe that is named; else nothing."""
    from robot_rl.learn.online import recipe

    own = Path(given.get("session", "")) / recipe.FILE
    return own if given.get("session") and own.is_file() else given.get("recipe", "")


_CHECKS: dict[str, Callable[[Mapping[str, str]], None]] = {
    "teleop": _graph,
    "record": _graph,
    "collect": _graph,
    "deploy": _deploy,
    "finetune": _finetune,
}
