"""`robot-rl reward collect --live`: pictures labelled while a person moves the robot, by a key that is held."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from robot_rl.commands.graph_options import SCRIPTED, check_driver, device_and_path
from robot_rl.commands.names import UsageError
from robot_rl.extras import require
from robot_rl.hardware import config
from robot_rl.workspace import did_you_mean


@dataclass(frozen=True)
class Live:
    """With whom, on which robot, how many pictures."""

    robot: str = "sim_lift"
    """A folder of hardware/ with a robot.yaml."""
    device: str = ""
    """What the person holds, perhaps with its file, `gamepad:/dev/input/js1`: starts teleoperation too. Empty joins the
    ROS graph that is running: teleop, record, deploy or finetune."""
    path: str = ""
    """Device file, such as /dev/input/js0; empty to find the device."""
    in_process: bool = False
    """Simulated robots: without ROS, in episodes that end at the time limit."""
    successes: int = 200
    """Stop at so many pictures of success ..."""
    others: int = 1000
    """... and so many others; both 0 go on until Ctrl-C, or for so many episodes."""
    shows: Literal["other", "hands", "empty"] = "other"
    """What all pictures without success show."""
    rate: float = 10.0
    """Pictures a second, at most."""
    takes: int = 0
    """In one process, or scripted: how many episodes; 0 goes on until there are enough pictures."""
    max_steps: int = 0
    """In one process, or scripted: length of an episode in steps; 0 takes the task's own."""
    quality: str = "mixed"
    """How well the scripted operator drives, in its own words."""
    seed: int = 0
    """Seed of the first initial state; each episode's is one higher."""


@dataclass(frozen=True)
class Picture:
    """What the classifier looks at, and how pictures are labelled."""

    camera: str
    crop: tuple[int, int, int, int] | None
    size: int
    before: float
    near: float
    latency: float
    output: Path


def run(live: Live, picture: Picture) -> int:
    """Collect until there is enough; what lies in the folder stays. Returns the exit code."""
    setup = config.load(live.robot)
    if picture.camera not in setup.cameras:
        known = setup.cameras
        raise UsageError(f"robot '{live.robot}' has no camera '{picture.camera}'.{did_you_mean(picture.camera, known)}")
    if live.device:
        device, path = device_and_path(live.device, live.path)
        live = replace(live, device=device, path=path)
        check_driver(setup, live.device, simulated_only=live.in_process)
    if live.in_process:
        return _in_process(setup, live, picture)
    require("ros", "train")
    from robot_rl.runtime.launch import launch

    return launch("collect", arguments(live, picture))


def arguments(live: Live, picture: Picture) -> dict[str, str]:
    """The options as arguments of collect.launch.yaml."""
    given = {
        "graph": str(bool(live.device)).lower(),
        "robot": live.robot,
        "camera": picture.camera,
        "output": str(picture.output.absolute()),
        "crop": ",".join(str(n) for n in picture.crop or ()),
        "size": str(picture.size),
        "successes": str(live.successes),
        "others": str(live.others),
        "rate": str(live.rate),
        "latency": str(picture.latency),
        "before": str(picture.before),
        "near": str(picture.near),
        "shows": live.shows,
    }
    if live.device:
        given |= {
            "device": live.device,
            "path": live.path,
            "quality": live.quality,
            "episodes": str(live.takes),
            "max_steps": str(live.max_steps),
            "seed": str(live.seed),
        }
    return given


def _in_process(setup: config.RobotConfig, live: Live, picture: Picture) -> int:
    from robot_rl.hardware.devices.operator import DeviceOperator
    from robot_rl.hardware.human import Operator
    from robot_rl.learn.interrupt import deferred_interrupt
    from robot_rl.learn.online.remote.pacing import PacedClock
    from robot_rl.learn.rewards import live_loop, storage
    from robot_rl.rewards.frames import advice
    from robot_rl.rewards.live import Goal, LiveCollector, LiveConfig
    from robot_rl.rewards.view import View
    from robot_rl.sim.operators.success_key import SuccessKey

    require("sim", "train")
    if not live.device:
        raise UsageError("--in-process needs --device: a gamepad, spacemouse or keyboard, or scripted")
    camera = setup.cameras[picture.camera]
    view = View(picture.camera, camera.width, camera.height, picture.crop, picture.size)
    labels = LiveConfig(picture.latency, picture.before, picture.near, live.rate, live.shows)
    collector = LiveCollector(view, labels, {"live": live.robot})
    before = storage.load_frames(picture.output) if storage.has_frames(picture.output) else None
    if before is not None:
        before.view.require(view)
    goal = Goal(live.successes, live.others)
    device = None if live.device == SCRIPTED else DeviceOperator.open(live.device, live.path)

    def operator(robot: object) -> Operator:
        if device is not None:
            return device
        driver = config.make_operator(setup, live.quality)
        return SuccessKey(driver, lambda: robot.outcome().success, picture.latency)  # type: ignore[attr-defined]

    try:
        with deferred_interrupt() as stop:
            for _ in live_loop.run(
                setup,
                collector,
                operator,
                _names(),
                pace=(lambda clock: clock) if device is None else (lambda clock: PacedClock(clock, 1.0)),
                episodes=live.takes,
                max_steps=live.max_steps,
                seed=live.seed,
            ):
                counts = collector.counts if before is None else collector.counts + before.counts
                print(goal.progress(counts, collector), flush=True)
                if collector.takes:
                    storage.save_frames(picture.output, collector.frames(before))
                if goal.reached(counts) or stop.is_set():
                    break
    finally:
        if device is not None:
            device.close()
    frames = collector.frames(before)
    print(f"{len(frames)} pictures of {len(frames.ids)} takes: {picture.output}")
    for line in advice(frames):
        print(f"  {line}")
    return 0


def _names() -> Iterator[str]:
    while True:
        yield uuid.uuid4().hex
