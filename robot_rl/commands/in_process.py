"""Episodes of a simulated robot in this one process, without ROS: the same arbiter, loop and recorder as the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from rich.progress import Progress

from robot_rl.commands.graph_options import Purpose
from robot_rl.commands.names import UsageError
from robot_rl.commands.session import closing, progress
from robot_rl.extras import require
from robot_rl.hardware import config
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.interrupt import deferred_interrupt
from robot_rl.policies.execution import Executor
from robot_rl.policies.modes import ExecutionConfig, make_executor
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import EpisodeResult, run_episode


@dataclass(frozen=True)
class Job:
    """Which episodes to run."""

    robot: config.RobotConfig
    purpose: Purpose
    episodes: int
    """0 goes on until Ctrl-C."""
    seed: int
    """Of the first initial state; each episode's is one higher."""
    cameras: str = "none"
    """Names separated by commas, `all` or `none`."""
    dataset: Path | None = None
    """Where to record; None records nothing."""
    quality: str | None = "mixed"
    """Of the scripted operator; None for no operator."""
    operator: str = ""
    """The name that is noted with each episode; empty for the scripted operator's own."""
    max_steps: int = 0
    """0 takes the task's horizon."""
    checkpoint: str = ""
    """The policy that acts, by folder or server address; empty for none."""
    policy_device: str = "cpu"
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    fields: str = ""
    """What a foreign policy server calls the robot's fields."""
    prompt: str = ""
    """The task in words for such a server; empty takes the robot's."""


def run_job(job: Job) -> int:
    """Run the episodes with a progress bar, and say how they went. Ctrl-C ends it after the episode under way.

    Returns:
        0, or 130 where fewer episodes were run than had been asked for.

    Raises:
        UsageError, ConfigError, CheckpointError, DatasetError: a part does not fit; nothing has moved.
    """
    results: list[EpisodeResult] = []
    try:
        with deferred_interrupt() as interrupted, progress() as bar:
            row = bar.add_task(f"{job.purpose} on {job.robot.name}", total=job.episodes or None, tally="")
            for result in episodes(job, interrupted):
                results.append(result)
                _show(bar, row, results)
    finally:
        if results:
            print(closing(((job.purpose, r.verdict) for r in results), job.dataset))
    return 130 if sum(r.ending.result != "discarded" for r in results) < job.episodes else 0


def episodes(job: Job, stop: Event | None = None) -> Iterator[EpisodeResult]:
    """Run one episode after another, none once `stop` is set; what was made for them is released at the end."""
    require("sim")
    from robot_rl.sim.camera import scene_cameras

    operator = config.make_operator(job.robot, job.quality) if job.quality is not None else None
    with ExitStack() as stack:
        executor = _executor(job)
        if executor is not None:
            stack.callback(executor.close)
        robot = config.make(job.robot)
        stack.callback(robot.close)
        cameras = stack.enter_context(scene_cameras(job.robot, robot, list(job.robot.select_cameras(job.cameras))))
        arbiter = Arbiter.from_config(job.robot)
        machine = EpisodeMachine(_rules(job))
        teleop = Teleop(job.robot.spec, job.robot.teleop, job.robot.limits) if operator else None
        recorder = None
        if job.dataset is not None:  # last, so that a part that does not fit leaves no empty data set
            recorder = stack.enter_context(_recorder(job, [job.robot.cameras[n] for n in cameras]))
        count = 0
        while (job.episodes == 0 or count < job.episodes) and not (stop and stop.is_set()):
            result = run_episode(
                robot,
                arbiter,
                machine,
                executor=executor,
                operator=operator,
                teleop=teleop,
                recorder=recorder,
                cameras=cameras,
                seed=job.seed + count,
                purpose=job.purpose,
                attributes=_attributes(job),
            )
            count += result.ending.result != "discarded"
            yield result


def _rules(job: Job) -> EpisodeRules:
    """As in the graph: a deployment's episode ends when the helper hands back, since what follows would mix two
    causes."""
    return EpisodeRules.of_task(
        job.robot.task, max_steps=job.max_steps, end_after_intervention=job.purpose == "deployment"
    )


@contextmanager
def _recorder(job: Job, cameras: list[config.CameraConfig]) -> Iterator[Any]:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.runtime.recorder import Recorder

    if job.dataset is None:
        raise UsageError("no data set to record to")
    with Dataset.open_or_create(job.dataset, job.robot.spec, {c.name: c for c in cameras}) as dataset:
        yield Recorder(dataset)


def _executor(job: Job) -> Executor | None:
    """The policy's executor. Raises CheckpointError, naming each difference, when it does not fit the robot."""
    if not job.checkpoint:
        return None
    from robot_rl.serving.loading import load_policy

    policy = load_policy(
        job.checkpoint,
        job.robot.spec,
        job.robot.cameras,
        device=job.policy_device,
        fields=job.fields,
        prompt=job.prompt or str(job.robot.task.get("instruction", "")),
    )
    return make_executor(policy, job.execution, simulated=True)


def _attributes(job: Job) -> dict[str, Any]:
    out: dict[str, Any] = {"instruction": str(job.robot.task.get("instruction", "")), "clock": "simulated"}
    if job.operator or job.quality is not None:
        out["operator"] = job.operator or f"scripted:{job.quality}"
    if job.checkpoint:
        out["policy"] = job.checkpoint
        out["execution"] = job.execution.mode
    return out


def _show(bar: Progress, row: Any, results: list[EpisodeResult]) -> None:
    succeeded = sum(r.success for r in results)
    helped = sum(r.ending.interventions > 0 for r in results)
    tally = f"{succeeded} succeeded" + (f", {helped} helped" if helped else "")
    bar.update(row, completed=len(results), tally=tally)
