"""The life of an episode: idle, resetting, running, saving, idle again. No clock, no files, no messages."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision

State = Literal["idle", "resetting", "running", "saving"]
Result = Literal["success", "failure", "discarded"]
MARKS: dict[str, Result] = {"discard": "discarded", "failure": "failure", "success": "success"}
"""The buttons that mark an episode, and as what; of several pressed at once the first counts."""


class EpisodeError(RuntimeError):
    """A step that the state of the episode does not allow; the message names the state and what is allowed."""


@dataclass(frozen=True)
class EpisodeRules:
    """When an episode ends."""

    max_steps: int | None = None
    """The time limit [steps]; None for none. Reaching it truncates, it never terminates. For `latency` after it a
    human may still say what happened before it: steps go on until then, and do not belong to the episode."""
    success_hold: int = 1
    """For how many steps in a row the task must say success."""
    end_after_intervention: bool = False
    """End when the human hands back to the policy (RaC, rule 2)."""
    end_on_estop: bool = True
    """End, as a failure cut off, when the emergency stop is latched."""
    end_on_force: bool = False
    """End, as a failure of the task, once the robot has backed off from too large a force."""
    latency: float = 0.0
    """How long a human takes to press a button [s]: the mark is set that much earlier."""
    late_verdict: bool = False
    """What is said of each state comes from a human as well, `latency` late: the episode ends that much earlier."""

    @classmethod
    def of_task(
        cls, task: Mapping[str, Any], *, max_steps: int = 0, end_after_intervention: bool = False, latency: float = 0.0
    ) -> EpisodeRules:
        """The rules of robot.yaml's `task` section.

        Args:
            max_steps: replaces the task's horizon, unless it is 0.
        """
        return cls(
            max_steps=max_steps or int(task.get("horizon", 0)) or None,
            success_hold=int(task.get("success_hold", 1)),
            end_on_force=bool(task.get("end_on_force", False)),
            end_after_intervention=end_after_intervention,
            latency=latency,
        )

    def __post_init__(self) -> None:
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(f"max_steps is {self.max_steps}; it must be at least 1, or None for no limit")
        if self.success_hold < 1:
            raise ValueError(f"success_hold is {self.success_hold}; it must be at least 1")
        if not 0.0 <= self.latency < 60.0:
            raise ValueError(f"latency is {self.latency} s; it must lie between 0 and 60")


@dataclass(frozen=True)
class Ending:
    """How an episode ended."""

    result: Result
    terminated: bool
    """The task is over: nothing after it counts."""
    truncated: bool
    """The episode was cut off: the task could have gone on."""
    end_stamp: int
    """Start [ns] of its last step."""
    steps: int
    interventions: int
    """How often the human took over."""
    marked: bool = False
    """A human said how: by a button, or by a verdict that comes late."""

    def judged(self, *, states: bool) -> bool:
        """Somebody said how: a human's mark, or as in `judged_unmarked`."""
        return self.marked or self.judged_unmarked(states=states)

    def judged_unmarked(self, *, states: bool) -> bool:
        """Even without a human's mark somebody said how: who judges its states, or a rule that ended it. Else it was
        cut off, by its time limit, the emergency stop or a hand-back.

        Args:
            states: somebody says of every state whether it is a success.
        """
        return states or (self.terminated and not self.marked)


class EpisodeMachine:
    """One episode after another: `reset`, `begin`, then `step` until it gives an Ending, then `saved`."""

    def __init__(self, rules: EpisodeRules | None = None) -> None:
        self.rules = rules or EpisodeRules()
        self.state: State = "idle"
        self.id = ""
        self.seed: int | None = None
        self.purpose = ""
        self.start_stamp = 0
        """[ns]"""
        self._stamps: list[int] = []
        self._interventions: list[int] = []
        self._held = 0
        self._intervening = self._retreating = False

    @property
    def steps(self) -> int:
        """How many steps the episode has so far."""
        return len(self._stamps)

    def reset(self) -> None:
        """The robot is brought to a start state: idle to resetting."""
        self._require("reset", "idle")
        self.state = "resetting"

    def begin(self, id: str, seed: int | None, purpose: str, start_stamp: int) -> None:
        """The first step may begin at `start_stamp` [ns]: resetting to running."""
        self._require("begin", "resetting")
        self.id, self.seed, self.purpose, self.start_stamp = id, seed, purpose, start_stamp
        self._stamps, self._interventions = [], []
        self._held, self._intervening, self._retreating = 0, False, False
        self.state = "running"

    def step(self, stamp: int, outcome: Outcome | None, decision: Decision, now: int | None = None) -> Ending | None:
        """One step is over.

        Args:
            stamp: when it began [ns]; later than the step before.
            outcome: what the task says of the state it led to; None where nobody judges.
            decision: what was done in it.
            now: when the outcome was said [ns], for a verdict that comes late; by default when the step began.

        Returns:
            The ending, in which case the episode is now to be saved.
        """
        self._require("step", "running")
        if stamp < self.start_stamp or (self._stamps and stamp <= self._stamps[-1]):
            before = self._stamps[-1] if self._stamps else self.start_stamp
            raise EpisodeError(f"episode '{self.id}': a step at {stamp} ns does not follow the one at {before} ns")
        self._stamps.append(stamp)
        outcome = outcome or Outcome()
        self._held = self._held + 1 if outcome.success else 0
        event = self._event(outcome, decision, self._note_intervention(stamp, decision))
        limit, late = self.rules.max_steps, self.rules.late_verdict
        past, said = limit is not None and self.steps > limit, stamp if now is None else now
        if self._held >= self.rules.success_hold and (not self._before_it_began(said) if late else not past):
            if late:
                self._cut(said)
            return self._end("success", terminated=True, marked=late)
        if event is not None and not past:
            return self._end(event[0], terminated=event[1])
        if limit is not None and self.steps >= limit:
            return self._time_is_up(limit, at_once=event is not None)
        return None

    def _event(self, outcome: Outcome, decision: Decision, handed_back: bool) -> tuple[Result, bool] | None:
        """What ends the episode now, besides success that is held and the time limit: as what, and whether the task is
        over."""
        retreated, self._retreating = self._retreating, bool(decision.safety & Safety.RETREAT)
        result: Result = "success" if outcome.success else "failure"
        if outcome.terminated:
            return result, True
        if retreated and not self._retreating and self.rules.end_on_force:
            return "failure", True
        if decision.safety & Safety.ESTOP and self.rules.end_on_estop:
            return "failure", False
        return (result, False) if handed_back and self.rules.end_after_intervention else None

    def _time_is_up(self, limit: int, *, at_once: bool) -> Ending | None:
        """The episode ends with its time limit, as soon as nobody can say any more that the task was done before it."""
        if not at_once and self._stamps[-1] - self._stamps[limit - 1] < round(self.rules.latency * 1e9):
            return None
        del self._stamps[limit:]
        return self._end("failure", terminated=False)

    def press(self, button: str, stamp: int | None = None) -> Ending | None:
        """The human marks the episode: `success`, `failure` or `discard`.

        Args:
            stamp: when [ns]; by default the start of the last step. The rules' latency is taken off, and
                steps that began later do not belong to the episode any more.

        Returns:
            The ending, or None if there is no step yet to be marked, or what was said concerns a moment before the
            episode began (`discard` always ends).
        """
        self._require(f"press '{button}'", "running")
        if button not in MARKS:
            raise EpisodeError(f"button '{button}' does not mark an episode; {', '.join(MARKS)} do")
        if self._stamps:
            said = self._stamps[-1] if stamp is None else stamp
            if button != "discard" and self._before_it_began(said):
                return None
            self._cut(said)
        elif button != "discard":
            return None
        result = MARKS[button]
        return self._end(result, terminated=result != "discarded", marked=result != "discarded")

    def _before_it_began(self, said: int) -> bool:
        """What a human said at `said` [ns] concerns what was before this episode."""
        return said - round(self.rules.latency * 1e9) < self.start_stamp

    def _cut(self, said: int) -> None:
        """What a human said at `said` [ns] concerns the step under way `latency` earlier: it is the last; the first
        step always stays."""
        last = max(bisect_left(self._stamps, said - round(self.rules.latency * 1e9) + 1) - 1, 0)
        del self._stamps[min(last + 1, self.rules.max_steps or len(self._stamps)) :]

    def saved(self) -> None:
        """The episode is on disk, or discarded: saving to idle."""
        self._require("saved", "saving")
        self.state = "idle"

    def abort(self) -> None:
        """Give up, from any state: back to idle."""
        self.state = "idle"

    def _note_intervention(self, stamp: int, decision: Decision) -> bool:
        """Count take-overs; True when the human has just handed back."""
        before, self._intervening = self._intervening, decision.phase in (Phase.RECOVERY, Phase.CORRECTION)
        if self._intervening and not before:
            self._interventions.append(stamp)
        return before and not self._intervening

    def _end(self, result: Result, *, terminated: bool, marked: bool = False) -> Ending:
        self.state = "saving"
        last = self._stamps[-1] if self._stamps else self.start_stamp
        return Ending(
            result=result,
            terminated=terminated,
            truncated=not terminated,
            end_stamp=last,
            steps=self.steps,
            interventions=sum(s <= last for s in self._interventions),
            marked=marked,
        )

    def _require(self, what: str, state: State) -> None:
        if self.state != state:
            allowed = {"idle": "reset", "resetting": "begin", "running": "step, press", "saving": "saved"}[self.state]
            raise EpisodeError(f"cannot {what}: the episode is {self.state}; allowed now: {allowed}, abort")
