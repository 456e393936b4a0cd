"""Who acts, and what may pass: e-stop before retreat from force, rewind, human, policy and holding still.

Nothing reaches a robot except through `Arbiter.decide`, which owns the safety envelope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.envelope import REFUSED, SafetyEnvelope
from robot_rl.control.force_limit import ForceGuard
from robot_rl.control.measured import Seen
from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.config import ConfigError, RobotConfig
from robot_rl.hardware.human import HumanInput
from robot_rl.hardware.robot import Reading
from robot_rl.runtime.rewinding import Rewinder
from robot_rl.runtime.takeover import Pickup, Takeover, TakeoverRules
from robot_rl.spec import Spec, SpecError

Array = NDArray[np.float64]
Purpose = Literal["demonstration", "deployment", "evaluation", "free"]
PURPOSES: tuple[str, ...] = get_args(Purpose)
SILENCE = 1.0
"""A person who stands by and whose device is not heard for so long [s] cannot stop the robot."""


@dataclass(frozen=True)
class Proposal:
    """What a policy asks for."""

    stamp: int
    """Of the observation it answers [ns]."""
    action: Array | None  # (A,) laid out as spec.action; None: the policy has no action to give, hold still


@dataclass(frozen=True)
class Decision:
    """What is sent to the robot in one control step, and why."""

    stamp: int
    """Start of the step [ns]."""
    action: Array  # (A,) after the safety envelope
    source: Source
    """Who acted; NONE also when the envelope refused the command and the robot held still."""
    phase: Phase
    safety: Safety
    proposed: Array  # (A,) what the policy asked for; NaN if nothing
    human: Array  # (A,) what the human asked for; NaN if nothing or the clutch is released
    interrupted: bool = False
    """The policy did not act in this step, so that what is left of its chunk is void."""
    answered: int = -1
    """Stamp of the observation [ns] that the policy's action answers; -1 where the policy did not act."""


class Arbiter:
    """Decides each control step of one robot.

    Purposes: in a `demonstration` only the human acts; in `deployment` (and `free`, outside episodes) a
    policy acts until the human takes over; in an `evaluation` the human is not heard, save for the
    emergency stop. Where a human is required, a policy acts, in an evaluation too, only while their device is heard.

    Args:
        limits: the `limits` section of robot.yaml for the spec's control mode.
        human_required: a person stands by with a device, to stop the robot or to take over.

    Raises:
        SpecError: the limits do not fit the spec.
    """

    def __init__(
        self,
        spec: Spec,
        limits: Mapping[str, Any],
        *,
        takeover: TakeoverRules | None = None,
        human_required: bool = False,
    ) -> None:
        self.spec = spec
        self._human_required = human_required
        self.envelope = SafetyEnvelope(spec, limits)
        self.takeover = Takeover(takeover)
        self._rewinder = Rewinder(spec, limits)
        setpoints = [np.full(len(f.low), f.order == "position") for f in self.envelope.limits.fields]
        self._setpoints = np.concatenate(setpoints)
        self._pickup = Pickup(self._setpoints)
        self._guard = self._force_guard()
        self._timeout = round(self.envelope.limits.command_timeout * 1e9)
        self._none = np.full(spec.action.size, np.nan)
        self._none.flags.writeable = False
        self._let_go_first = False
        """The robot was stopped in an emergency, and the person has not let go of clutch and rewind since."""
        self.reset("free")

    @classmethod
    def from_config(
        cls, config: RobotConfig, *, takeover: TakeoverRules | None = None, human_required: bool = False
    ) -> Arbiter:
        """The arbiter of the robot that a robot.yaml describes. Raises ConfigError, naming the file."""
        try:
            return cls(config.spec, config.limits, takeover=takeover, human_required=human_required)
        except SpecError as error:
            raise ConfigError(f"{config.path}: {error}") from None

    @property
    def policy_wanted(self) -> bool:
        """A policy's proposal can count in the next step."""
        return self.purpose != "demonstration" and not (self.takeover.in_control or self.takeover.over)

    def reset(self, purpose: str, *, kept: bool = False, hands_back: bool = True, since: int = 0) -> None:
        """A new episode, or with `free` none: nobody has taken over, and there is nothing to rewind.

        An episode begins at rest, after a reset by the robot's own driver: see `moved`. With `free` the robot goes on
        from the last command, set-points and velocities both. An emergency stop stays latched.

        Args:
            kept: nothing else has moved the robot before this episode: its set-points stay as they were commanded.
            hands_back: False where an episode ends when a person lets go: the policy, whose command might be under way
                before the end is, then never acts again.
            since: when the episode began [ns]; a clutch that was held before, and not heard of since, takes nothing
                over.

        Raises:
            ValueError: no such purpose.
        """
        if purpose not in PURPOSES:
            raise ValueError(f"purpose is '{purpose}'; it must be one of {', '.join(PURPOSES)}")
        self.purpose, self._since = purpose, since
        self.takeover.reset(hands_back=hands_back)
        self._pickup.release()
        self._rewinder.reset()
        if self._guard is not None:
            self._guard.reset()
        self._phase = Phase.DEMONSTRATION if purpose == "demonstration" else Phase.AUTONOMOUS
        if kept:
            self.envelope.rest()
        elif purpose != "free":
            self.moved()

    def moved(self, since: int = 0) -> None:
        """The robot's driver has moved it, and it stands since that stamp [ns]: velocities begin at 0, set-points where
        they are measured from then on."""
        self.envelope.reset(since=since)

    def estop(self) -> None:
        """Latch the emergency stop."""
        self.envelope.estop()

    def release_estop(self) -> None:
        """Allow commands again; a person's only once they have let go of the clutch, so that the release itself moves
        nothing (as ISO 13850 asks). An emergency-stop button that is still held latches it again at once."""
        self.envelope.release_estop()

    def decide(self, now: int, reading: Reading, human: HumanInput | None, proposal: Proposal | None) -> Decision:
        """What to send to the robot now [ns]; never raises on what it is given, and never leaves the limits.

        Args:
            reading: the newest measurements.
            human: the newest input of the human, if there is one.
            proposal: the newest proposal of the policy, if there is one.
        """
        seen = self.envelope.seen(now, reading.values, reading.stamps)
        if not self.envelope.placed:
            self.envelope.place(seen)
        if human is not None and "estop" in human.pressed:
            self.envelope.estop()
        alone = self.unattended(now, human)
        if self.purpose == "evaluation":
            human = None
        fresh = human is not None and abs(now - human.stamp) <= self._timeout
        heard = human is not None and fresh and human.stamp >= self._since
        holds = human.engaged or human.rewind if human is not None and heard else None
        self.takeover.update(now, holds)
        self._let_go_first = self.envelope.stopped or (self._let_go_first and holds is not False)
        if human is not None and (self._let_go_first or human.stamp < self._since):
            human = replace(human, engaged=False, rewind=False)
            if self.takeover.in_control:  # they hold on, and letting go is a hand-back
                self._enter(Phase.CORRECTION)
        source, action, stamp, deadman = self._choose(seen, human, proposal, fresh)
        if source is Source.POLICY and alone:
            source, deadman = Source.NONE, False
        retreating = self._must_retreat(seen)
        if retreating and source is not Source.REWIND:
            source, action, stamp, deadman = self._retreat(seen)
        sent = self.envelope.filter(
            action,
            now=now,
            command_stamp=stamp,
            measured=reading.values,
            measured_stamp=reading.stamps,
            deadman=deadman,
            retracing=source is Source.REWIND,
        )
        if source is not Source.REWIND:
            self._rewinder.record(seen.fresh_values, sent.action)
        if action is None or sent.flags & REFUSED:
            source = Source.NONE
        return Decision(
            stamp=now,
            action=sent.action,
            source=source,
            phase=self._phase,
            safety=sent.flags | Safety.RETREAT if retreating else sent.flags,
            proposed=self._none if proposal is None or proposal.action is None else self._shown(proposal.action),
            human=self._shown(human.action) if human is not None and fresh and human.engaged else self._none,
            interrupted=source is not Source.POLICY,
            answered=proposal.stamp if proposal is not None and source is Source.POLICY else -1,
        )

    def unattended(self, now: int, human: HumanInput | None) -> bool:
        """A human is required, and their newest input is none, or too old at `now` [ns]."""
        return self._human_required and (human is None or abs(now - human.stamp) > max(SILENCE * 1e9, self._timeout))

    def _choose(
        self, seen: Seen, human: HumanInput | None, proposal: Proposal | None, fresh: bool
    ) -> tuple[Source, Array | None, int | None, bool]:
        """Who acts: source, action, its stamp, and whether the deadman is held where one is needed."""
        if self.takeover.in_control:
            if human is None:
                return Source.NONE, None, None, True
            rewinding = human.rewind and fresh
            self._enter(Phase.RECOVERY if rewinding else Phase.CORRECTION if human.engaged else self._phase)
            if rewinding and self._rewinder.available:
                self._pickup.release()
                return Source.REWIND, self._rewinder.step(seen.fresh_values, self.envelope.last), seen.now, True
            if not human.engaged:
                self._pickup.release()
                return Source.HUMAN, human.action, human.stamp, False
            action = human.action
            if np.shape(action) == self._none.shape:
                action = self._pickup.apply(action, self.envelope.last, human.pressed)
            return Source.HUMAN, action, human.stamp, True
        self._pickup.release()
        self._enter(Phase.AUTONOMOUS)
        if proposal is not None and proposal.action is not None and self.policy_wanted:
            return Source.POLICY, proposal.action, proposal.stamp, True
        return Source.NONE, None, None, True

    def _force_guard(self) -> ForceGuard | None:
        """Raises SpecError if the robot is to retreat along its path and cannot."""
        limit = self.envelope.limits.force
        if limit is None:
            return None
        if limit.retreat == "rewind" and not self._rewinder.available:
            raise SpecError(
                f"limits of 'force': {self.spec.robot} cannot rewind by itself (see 'rewind'); take 'retreat: hold'"
            )
        return ForceGuard(limit, 1.0 / self.spec.rate)

    def _must_retreat(self, seen: Seen) -> bool:
        """The robot presses too hard for too long; not while it is stopped."""
        if self._guard is None or self.envelope.stopped:
            return False
        return self._guard.update(self.envelope.contact_force(seen))

    def _retreat(self, seen: Seen) -> tuple[Source, Array | None, int | None, bool]:
        """Back along the path with the gripper as it is, or still."""
        self._pickup.release()
        limit = self.envelope.limits.force
        if limit is None or limit.retreat == "hold":
            return Source.NONE, None, None, True
        last = self.envelope.last
        action = self._rewinder.step(seen.fresh_values, last)
        kept = self._setpoints if not self._setpoints.all() else np.zeros_like(self._setpoints)
        return Source.REWIND, np.where(kept, last, action), seen.now, True

    def _enter(self, phase: Phase) -> None:
        if self.purpose != "demonstration":
            self._phase = phase

    def _shown(self, action: Array) -> Array:
        """The action for the record; NaN where it has the wrong shape."""
        return action.copy() if np.shape(action) == self._none.shape else self._none
