"""The control loop in one process: one episode of one robot, with its parts injected.

The same loop steps a simulation as fast as it can and a robot in real time, since time passes through
`robot.clock` only. Every part but the robot, the arbiter and the episode machine may be absent.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Source
from robot_rl.datasets.verdicts import Verdict, verdict
from robot_rl.hardware.camera import Camera
from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.human import HumanInput, Operator
from robot_rl.hardware.robot import Outcome, Reading, Robot, RobotError, Simulated
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter, Decision, Proposal
from robot_rl.runtime.episodes import MARKS, Ending, EpisodeMachine
from robot_rl.runtime.frames import Frames, streams
from robot_rl.runtime.recorder import EpisodeSink
from robot_rl.runtime.step_log import StepLog
from robot_rl.runtime.ticks import Pacer, TickStatistics

Array = NDArray[np.float64]
log = logging.getLogger(__name__)


class Executor(Protocol):
    """Plays a policy one control step at a time; in each step either `act` or `observe` is called."""

    def reset(self, seed: int | None = None) -> None: ...

    def act(self, values: Mapping[str, NDArray[Any]]) -> Array | None:
        """The action (A,) for this step, given the newest value of each observation field and camera; None
        where the policy has none to give, and the robot is to hold still."""
        ...

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        """A step in which somebody else acts."""
        ...

    def interrupt(self) -> None:
        """The action just asked for was not carried out."""
        ...


@runtime_checkable
class Follower(Protocol):
    """An executor that wants to know what was really done."""

    def follow(self, executed: Array) -> None:
        """What the robot was sent (A,) in the step of the newest `act` or `observe`, whoever asked for it."""
        ...


@dataclass(frozen=True)
class EpisodeResult:
    """What came of one episode."""

    seed: int | None
    purpose: str
    ending: Ending
    number: int | None
    """Its number in the data set, if it was recorded."""
    reward: float
    """Sum over the steps."""
    sources: Mapping[Source, int]
    """Steps by who acted."""
    safety: Mapping[Safety, int]
    """Steps by what the safety envelope did."""
    timing: TickStatistics
    judged: bool = True
    """Somebody said how it ended; else it was cut off, and is a failure for want of a word."""

    @property
    def success(self) -> bool:
        return self.ending.result == "success"

    @property
    def verdict(self) -> Verdict:
        return verdict(self.ending.result, judged=self.judged)


def run_episode(
    robot: Robot,
    arbiter: Arbiter,
    machine: EpisodeMachine,
    *,
    executor: Executor | None = None,
    operator: Operator | None = None,
    teleop: Teleop | None = None,
    recorder: EpisodeSink | None = None,
    cameras: Mapping[str, Camera] | None = None,
    judge: Callable[[], Outcome] | None = None,
    seed: int | None = None,
    purpose: str = "demonstration",
    attributes: Mapping[str, Any] | None = None,
) -> EpisodeResult:
    """Reset the robot, run one episode to its end, bring the robot to rest.

    Args:
        machine: idle; decides when the episode ends, and is idle again afterwards.
        executor: of the policy, if one may act.
        operator: moves the input device that `teleop` interprets; both or neither.
        recorder: takes the episode down; it is discarded if anything raises, Ctrl-C included.
        cameras: open, by name.
        judge: says what the task thinks of the present state; by default the simulation itself.
        attributes: noted with the recorded episode, e.g. `instruction`, `operator`, `policy`.

    Raises:
        ValueError: an operator without a teleop or the other way round; no such purpose.
        RobotError: the emergency stop is latched from before, and a reset would move the robot.
        RobotError, CameraError, DatasetError: as the parts raise them; the robot has been stopped.
    """
    if arbiter.envelope.stopped:
        raise RobotError(
            "the emergency stop is latched, so no episode begins: look at the robot, then start again; what was "
            "recorded is safe"
        )
    if (operator is None) != (teleop is None):
        raise ValueError("an operator needs a teleop that interprets the input device, and the other way round")
    if judge is None and isinstance(robot, Simulated):
        judge = robot.outcome
    steps = StepLog(recorder, machine.rules.latency, late_verdict=machine.rules.late_verdict)
    ending: Ending | None = None
    number: int | None = None
    try:
        arbiter.reset(purpose, hands_back=not machine.rules.end_after_intervention)
        machine.reset()
        robot.reset(seed)
        if executor is not None:
            executor.reset(seed)
        if recorder is not None:
            clock = "system" if isinstance(robot.clock, SystemClock) else "simulated"
            recorder.begin(**{"seed": seed, "purpose": purpose, "clock": clock, **(attributes or {})})
        policy_active = executor is not None and purpose != "demonstration"
        senses = _Senses(robot, operator, teleop, Frames(cameras or {}), recorder, policy_active)
        senses.begin(seed)
        machine.begin(uuid.uuid4().hex, seed, purpose, robot.clock.now())
        pacer, backing_off = Pacer(robot.clock, robot.spec.period_ns), False
        stamps: list[int] = []
        while ending is None:
            decision = _decide(robot, arbiter, executor, senses)
            executed = _send(robot, decision, backing_off)
            backing_off = bool(decision.safety & Safety.RETREAT)
            if teleop is not None:
                teleop.follow(executed, decision.stamp)
            _tell(executor, executed)
            pacer.wait()
            senses.look()
            outcome = judge() if judge is not None else Outcome()
            now = robot.clock.now()
            ending = machine.step(decision.stamp, outcome, decision, now)
            stamps.append(decision.stamp)
            if ending is None and senses.marks:
                ending = machine.press(senses.marks[0], now)
            steps.add(decision, executed, outcome, ending, now)
        dropped = stamps[ending.steps :]  # by a mark that came late: the last step ended where the first of them began
        states_judged = judge is not None
        number = _save(recorder, ending, dropped[0] if dropped else robot.clock.now(), states_judged=states_judged)
        machine.saved()
    finally:
        if machine.state != "idle":
            machine.abort()
            if recorder is not None:
                recorder.discard()
        _stop(robot)
    judged, timing = ending.judged(states=states_judged), pacer.statistics()
    return EpisodeResult(seed, purpose, ending, number, steps.reward, steps.sources, steps.safety, timing, judged)


class _Senses:
    """What is known at the start of a step, noted with the recorder as it comes in."""

    def __init__(
        self,
        robot: Robot,
        operator: Operator | None,
        teleop: Teleop | None,
        frames: Frames,
        recorder: EpisodeSink | None,
        policy_active: bool,
    ) -> None:
        self._robot, self._operator, self._teleop = robot, operator, teleop
        self._frames, self._recorder, self._policy_active = frames, recorder, policy_active
        self.reading: Reading
        self.human: HumanInput | None = None
        self.marks: tuple[str, ...] = ()
        """The buttons newly pressed that mark the episode."""

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """The newest value of each observation field and camera."""
        return {**self.reading.values, **self._frames.images}

    def begin(self, seed: int | None) -> None:
        """The first look of an episode; waits for a picture of each camera."""
        if self._operator is not None and self._teleop is not None:
            self._operator.reset(seed)
            self._teleop.reset()
        self._note(self._frames.begin(self._robot.clock.now()))
        self._look()
        self.marks = ()

    def look(self) -> None:
        """Take in the newest measurements, pictures and input."""
        self._note(self._frames.poll(self._robot.clock.now()))
        self._look()

    def _look(self) -> None:
        self.reading = self._robot.read()
        if self._recorder is not None:
            self._recorder.reading(self.reading)
        if self._operator is not None and self._teleop is not None:
            held = self.human.pressed if self.human is not None else frozenset()
            device = self._operator.input(self.reading, policy_active=self._policy_active)
            self.human = self._teleop.interpret(device, self.reading)
            self.marks = tuple(m for m in MARKS if m in self.human.pressed - held)

    def _note(self, frames: Any) -> None:
        for name, frame in frames:
            if self._recorder is not None:
                for stream, value in streams(name, frame):
                    self._recorder.sample(stream, frame.stamp, value)


def _decide(robot: Robot, arbiter: Arbiter, executor: Executor | None, senses: _Senses) -> Decision:
    """Ask the policy where its answer can count, then the arbiter."""
    now, proposal = robot.clock.now(), None
    if executor is not None:
        if arbiter.policy_wanted:
            action = executor.act(senses.values)
            proposal = Proposal(now, action) if action is not None else None
        else:
            executor.observe(senses.values)
    decision = arbiter.decide(robot.clock.now(), senses.reading, senses.human, proposal)
    if executor is not None and proposal is not None and decision.interrupted:
        executor.interrupt()
    return decision


def _tell(executor: object, executed: Array) -> None:
    """Let an executor know what was sent, if it wants to."""
    if isinstance(executor, Follower):
        executor.follow(executed)


def _send(robot: Robot, decision: Decision, backing_off: bool) -> Array:
    """Command the robot; in an emergency stop it is told to stop instead, and so it is at the beginning of a retreat,
    which lets go of the lead that presses. Returns what was really sent."""
    if decision.safety & Safety.ESTOP:
        robot.stop()
        return decision.action
    if decision.safety & Safety.RETREAT and not backing_off:
        robot.stop()
    return robot.send(decision.action)


def _save(recorder: EpisodeSink | None, ending: Ending, end: int, *, states_judged: bool) -> int | None:
    """Keep the episode, or drop it if the human said so. Returns its number."""
    if recorder is None:
        return None
    if ending.result == "discarded":
        recorder.discard()
        return None
    noted = {"marked": True} if ending.marked else {}
    noted |= {} if ending.judged_unmarked(states=states_judged) else {"judged": False}
    return recorder.end(ending.result == "success", end=end, interventions=ending.interventions, **noted)


def _stop(robot: Robot) -> None:
    try:
        robot.stop()
    except RobotError as error:
        log.error("the robot could not be stopped: %s", error)
