"""Success of a policy on listed initial states of a simulated robot: in-process, through the loop robots run.

The policy is a checkpoint, or one that a server offers. It samples its chunks (no averaging, no temperature), seeded by
the episode's seed; nobody intervenes; the safety envelope is on. Success is the task's own, held for the task's
`success_hold` steps.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.camera import Camera
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.robot import Robot, Simulated
from robot_rl.learn.at_the_robot import at_the_robot
from robot_rl.learn.config import TrainingError
from robot_rl.learn.statistics import PairedComparison, Proportion, compare, wilson
from robot_rl.learn.workers import shared
from robot_rl.policies import checkpoint
from robot_rl.policies.modes import ExecutionConfig, check_speed, make_executor
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.serving.loading import load_policy
from robot_rl.serving.protocol import ServablePolicy, is_address

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One episode of an evaluation."""

    seed: int
    success: bool
    steps: int
    reward: float
    safety: Mapping[str, int]
    """Steps in which the safety envelope changed the command, by why."""
    compute_p99: float | None
    """Wall time of a tick but for waiting [s], 99 % quantile; None where it was not measured."""


@dataclass(frozen=True)
class EvaluationResult:
    """Every trial, in the order of the seeds."""

    checkpoint: str
    robot: str
    trials: tuple[Trial, ...]
    seconds: float
    """Wall time."""
    execution: str = "receding"
    """How chunks became actions, in words: all that was not as usual."""
    weights: str = ""
    """Digest of the policy's; empty where it is a server's."""

    @property
    def successes(self) -> tuple[bool, ...]:
        return tuple(t.success for t in self.trials)

    @property
    def proportion(self) -> Proportion:
        """The success rate with its 95 % interval."""
        return wilson(sum(self.successes), len(self.trials))

    def against(self, other: EvaluationResult) -> PairedComparison:
        """This result (second) compared with `other` (first). Raises ValueError unless the seeds are the same."""
        mine, theirs = [t.seed for t in self.trials], [t.seed for t in other.trials]
        if mine != theirs:
            raise ValueError(f"a paired comparison needs the same initial states: seeds {theirs} against {mine}")
        return compare(other.successes, self.successes)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        p = self.proportion
        summary = {"successes": p.successes, "trials": p.trials, "rate": p.rate, "low": p.low, "high": p.high}
        path.write_text(json.dumps({"summary": summary, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> EvaluationResult:
        """Read what `save` wrote."""
        data = json.loads(path.read_text())
        trials = tuple(Trial(**t) for t in data["trials"])
        told = {k: str(data[k]) for k in ("execution", "weights") if k in data}
        return cls(data["checkpoint"], data["robot"], trials, data["seconds"], **told)


def evaluate(
    path: str | Path,
    robot: str,
    seeds: Sequence[int],
    *,
    control_mode: str | None = None,
    execution: ExecutionConfig | None = None,
    allow_slow: bool = False,
    max_steps: int = 0,
    device: str = "cpu",
    processes: int = 1,
    fields: str = "",
    prompt: str = "",
    progress: Callable[[Trial], None] | None = None,
) -> EvaluationResult:
    """Run one episode from the initial state of each seed.

    Args:
        path: of the checkpoint, as `checkpoint.load` takes it, or `ws://host:port` of a policy server.
        robot: the name of a simulated robot.
        execution: how chunks become actions; receding horizon by default.
        allow_slow: simulated time waits for any policy; let also one pass that could not keep up with the robot.
        max_steps: time limit of an episode; 0 takes the task's horizon.
        processes: how many share the seeds.
        fields, prompt: for servers other than robot_rl's, as `load_policy` takes them.
        progress: called with each trial as it ends (with several processes: as its process ends).

    Raises:
        CheckpointError, RemoteError, MappingError: there is no such policy, or it does not fit the robot.
        PolicyUnavailableError: the server does not answer.
        TooSlowError: the policy could not keep up with the robot on this machine.
        TrainingError: no seeds, repeated seeds, or the robot is not simulated.
        ConfigError: no such robot.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise TrainingError(f"an evaluation needs distinct seeds, got {list(seeds)}")
    setup = hardware_config.load(robot, control_mode)
    if not setup.simulated:
        command = at_the_robot(
            execution or ExecutionConfig(),
            checkpoint=str(path),
            robot=robot,
            device="gamepad",
            episodes=len(seeds),
            dataset=f"{setup.name}_trials",
            control_mode=control_mode or "",
            max_steps=max_steps,
            policy_device=device if device == "cuda" else "",
            fields=fields,
            prompt=prompt,
        )
        raise TrainingError(f"robot '{robot}' is real, a person begins and marks its trials: {command}")
    execution = execution or ExecutionConfig()
    name = str(path) if is_address(str(path)) else str(checkpoint.resolve(path))
    job = _Job(name, robot, control_mode, execution, max_steps, device, fields, prompt)
    with job.policy(setup) as policy:
        if not allow_slow:
            _warn_of_latency(policy, execution, check_speed(policy, execution))
    begun = time.monotonic()
    trials: list[Trial] = []
    for trial in job.run(seeds) if processes == 1 else _run_apart(job, seeds, processes):
        trials.append(trial)
        if progress is not None:
            progress(trial)
    order = {seed: i for i, seed in enumerate(seeds)}
    trials.sort(key=lambda t: order[t.seed])
    how = manner(execution, control_mode=control_mode or "", max_steps=max_steps)
    weights = "" if is_address(name) else checkpoint.weights_digest(Path(name))
    return EvaluationResult(name, setup.name, tuple(trials), time.monotonic() - begun, how, weights)


def manner(execution: ExecutionConfig, *, control_mode: str = "", max_steps: int = 0) -> str:
    """How a policy is played, in words: the execution's mode, and what is not as usual."""
    usual = ExecutionConfig()
    words: list[str] = [execution.mode]
    if execution.asynchronous:
        words += [f"latency {execution.latency_steps}"] if execution.latency_steps != usual.latency_steps else []
        words += ["its last action repeated on overrun"] if execution.overrun != usual.overrun else []
    if execution.mode == "ensemble" and execution.decay != usual.decay:
        words.append(f"decay {execution.decay:g}")
    if execution.action_steps != usual.action_steps:
        words.append(f"{execution.action_steps} actions of a chunk")
    if execution.samples != usual.samples:
        words.append(f"best of {execution.samples}")
    words += [control_mode] if control_mode else []
    words += [f"at most {max_steps} steps"] if max_steps else []
    return ", ".join(words)


def _warn_of_latency(policy: ServablePolicy, execution: ExecutionConfig, seconds: float) -> None:
    """Say where chunks take longer than the steps that are simulated."""
    steps = math.ceil(seconds * policy.spec.rate)
    if execution.asynchronous and steps > execution.latency_steps:
        log.warning(
            "a chunk takes %.0f ms here, %d control steps, and is simulated to take %d: on a robot it is later; give "
            "--latency-steps %d",
            *(1e3 * seconds, steps, execution.latency_steps, steps),
        )


@dataclass(frozen=True)
class _Job:
    """What a worker process needs to know."""

    name: str
    robot: str
    control_mode: str | None
    execution: ExecutionConfig
    max_steps: int
    device: str
    fields: str
    prompt: str

    @contextmanager
    def policy(self, setup: RobotConfig) -> Iterator[ServablePolicy]:
        """The policy, connected to for as long as the context lasts where it is a server's."""
        policy = load_policy(
            self.name,
            setup.spec,
            setup.cameras,
            device=self.device,
            fields=self.fields,
            prompt=self.prompt or str(setup.task.get("instruction", "")),
        )
        try:
            yield policy
        finally:
            if is_address(self.name):
                cast(Any, policy).close()

    def run(self, seeds: Sequence[int]) -> Iterator[Trial]:
        """One trial after another in this process."""
        setup = hardware_config.load(self.robot, self.control_mode)
        with ExitStack() as stack:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
            policy = stack.enter_context(self.policy(setup))
            yield from self._trials(setup, policy, seeds, stack)

    def _trials(
        self, setup: RobotConfig, policy: ServablePolicy, seeds: Sequence[int], stack: ExitStack
    ) -> Iterator[Trial]:
        executor = make_executor(policy, self.execution, simulated=True)
        rules = EpisodeRules.of_task(setup.task, max_steps=self.max_steps)
        stack.callback(executor.close)
        robot = hardware_config.make(setup)
        stack.callback(robot.close)
        cameras = stack.enter_context(_cameras(setup, robot, policy))
        arbiter = Arbiter.from_config(setup)
        for seed in seeds:
            result = run_episode(
                robot,
                arbiter,
                EpisodeMachine(rules),
                executor=executor,
                cameras=cameras,
                seed=seed,
                purpose="evaluation",
            )
            safety = {flag.name or str(int(flag)): n for flag, n in result.safety.items()}
            compute = result.timing.compute_p99
            yield Trial(seed, result.success, result.ending.steps, result.reward, safety, compute)

    def run_all(self, seeds: Sequence[int]) -> list[Trial]:
        return list(self.run(seeds))


def _run_apart(job: _Job, seeds: Sequence[int], processes: int) -> Iterator[Trial]:
    """The seeds shared among processes."""
    for trials in shared(job.run_all, [seeds[i::processes] for i in range(processes) if seeds[i::processes]]):
        yield from trials


@contextmanager
def _cameras(setup: RobotConfig, robot: Robot, policy: ServablePolicy) -> Iterator[dict[str, Camera]]:
    """The cameras that the policy looks through, open, in the robot's scene."""
    names = [f.name for f in policy.inputs.images if f.name not in setup.spec.observation]
    if not names:
        yield {}
        return
    from robot_rl.sim.camera import MujocoCamera
    from robot_rl.sim.renderer import SceneRenderer

    if not isinstance(robot, Simulated):
        raise TrainingError(f"robot '{setup.name}' has no scene to render for {', '.join(names)}")
    renderer = SceneRenderer(robot.scene_xml())
    try:
        cameras: dict[str, Any] = {n: MujocoCamera(setup.cameras[n], renderer, robot.scene_state) for n in names}
        for camera in cameras.values():
            camera.open()
        yield cameras
    finally:
        renderer.close()
