"""From the canonical axes and buttons of an input device to an action of one robot.

Read from robot.yaml, section `teleop` of a control mode:

    axes: {x: twist.vx, yaw: twist.wz}        canonical axis to a number of the action
    scale: {twist.vx: 0.25}                   action units at full deflection; by default the field's high
    gripper: {field: gripper, open: 0.0, closed: 1.0, measured: gripper_command}    `measured` is optional
    integrate: true                           the action is a position: the axes move a target
    reference: pose                           the observation field that the target starts from

A rate (velocity, twist) follows the axes at once. A position (`integrate`) is a target that starts at the measured
reference whenever the clutch is pressed and moves with the axes from there, so it never jumps; for an action field
of kind pose, `<field>.roll|pitch|yaw` stand for rotations about the fixed axes. The target leads what the robot was
really sent by no more than its lead, see `LEAD`, so that it does not wind up while the robot is held: what it did not
do then, it does not do later. Where it begins anew, with the clutch or where the robot was sent elsewhere, it hears of
commands again once they can be an answer to that: older ones still on their way would drag it to and fro. The gripper
is latched: it keeps what the last press of close or open, with the clutch held, made it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import circle, poses
from robot_rl.control import limits as control_limits
from robot_rl.control.limits import Limits
from robot_rl.hardware.human import AXES, BUTTONS, DeviceInput, HumanInput
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop_map import TeleopMap, parse
from robot_rl.spec import Spec

log = logging.getLogger(__name__)

LEAD = 0.1
"""How far a target may lead what the robot was sent [s of full deflection], or two control periods if that is more:
enough for a command to go round (device, arbiter, robot and back), so that no motion is lost on a robot that obeys.
A set-point whose limits have an `acceleration` goes no faster than it can brake within what is left of the way to its
target, so its target may lead by as much more as it needs to brake from full speed, and by `BRAKING` periods."""
BRAKING = 3.0
"""Control periods of full speed: the two that the safety envelope keeps for braking later, and one for its step."""
WAY = 0.02
"""How long an input may take to the arbiter [s]; a way back from there that was seen to be longer stands for it."""
LONGEST_WAY = 0.25
"""Ways are not longer than this [s], whatever clocks say: older input is not obeyed."""
_NONE = 1e-9
"""A difference of two numbers of the action that is rounding."""


class Teleop:
    """Turns device input into actions of `spec`; keeps the gripper's latch and the moving target."""

    def __init__(
        self, spec: Spec, section: Mapping[str, Any], limits: Mapping[str, Any] | Limits | None = None
    ) -> None:
        """
        Args:
            section: `teleop` of robot.yaml for the control mode of `spec`, as RobotConfig.teleop has it.
            limits: its `limits`; without them a set-point that they give an `acceleration` goes slower than is asked.

        Raises:
            ConfigError: the section names a field, label or key that does not exist.
            SpecError: the limits do not fit the spec.
        """
        self.spec = spec
        self.refused = 0
        """Inputs with numbers that are not finite, or a clutch pressed while nothing was measured to start from."""
        self._map: TeleopMap = parse(spec, section)
        self._circular = circle.wrapping(spec.action)
        self._longest_step = max(0.1, 2.0 / spec.rate)  # [s] so that a late input cannot become a leap
        speed = np.abs(self._map.rates).sum(axis=1)  # (A,) at full deflection
        self._lead = speed * max(LEAD, 2.0 / spec.rate)  # (A,)
        if limits is not None and self._map.integrate:
            self._lead += _braking(spec, limits, speed)
        for columns, _ in self._map.turns:
            self._lead[columns.start + 3 : columns.stop] = np.inf  # the rotation of a pose
        self.reset()

    def reset(self) -> None:
        """A new episode: clutch released, gripper as measured or open."""
        self._engaged = False
        self._stamp: int | None = None
        self._target: NDArray[np.float64] | None = None
        self._sent: NDArray[np.float64] | None = None  # (A,) what the robot was sent last, since the target began
        self._since = -math.inf  # [ns] commands decided before then do not answer the target as it began last
        self._elsewhere: int | None = None  # [ns] the command with which it began anew, until the input after it
        self._apart = np.zeros(self.spec.action.size)  # (A,) the nearest the target has been to that
        self._grip: float | None = None

    def follow(self, executed: NDArray[np.float64], stamp: int | None = None) -> None:
        """Tell what the robot was last sent (A,), so that a moving target stays near it, and the gripper stays as it is
        when the human takes over.

        For the gripper it counts only while the clutch is released. Without it a take-over asks for the latch's own
        last state, and a target winds up while the robot is held.

        Args:
            stamp: when that was decided [ns], by the clock of the device's stamps; None: knowing the newest input.
        """
        if np.isfinite(executed).all() and (stamp is None or stamp >= self._since):
            self._sent = np.array(executed, float)
            if self._target is not None:
                before, self._target = self._target, self._leashed(self._target, anew=True)
                if stamp is not None and (np.abs(self._target - before) > _NONE).any():
                    self._since, self._elsewhere = math.inf, stamp
        gripper = self._map.gripper
        if gripper and not self._engaged:
            value = float(executed[gripper.columns][0])
            if np.isfinite(value):
                self._grip = value

    def interpret(self, device: DeviceInput, reading: Reading | None = None) -> HumanInput:
        """What the human asks for.

        Args:
            device: the device now; axes outside [-1, 1] are limited, axes not finite release the clutch.
            reading: the newest measurements; needed to press the clutch where the action is a position.

        Returns:
            An action inside the spec's bounds. With the clutch released it is zero rate, or for a position the
            reference as measured (NaN if there is none).

        Raises:
            ValueError: `device.axes` is not (6,).
        """
        if device.axes.shape != (len(AXES),):
            raise ValueError(f"device axes have shape {device.axes.shape}, expected ({len(AXES)},): {AXES}")
        finite = bool(np.isfinite(device.axes).all())
        if not finite:
            self._refuse(f"device axes are not finite: {device.axes.tolist()}")
        axes = np.clip(device.axes, -1.0, 1.0) if finite else np.zeros(len(AXES))
        engaged = finite and "clutch" in device.buttons

        if self._map.integrate:
            if self._elsewhere is not None:
                self._begun(device.stamp, (device.stamp - self._elsewhere) * 1e-9)
            action, engaged = self._position(axes, engaged, device.stamp, reading)
        else:
            action = self._map.rates @ axes if engaged else np.zeros(self.spec.action.size)
        action = self._inside(action)
        if self._map.gripper:
            action[self._map.gripper.columns] = self._gripper(device.buttons if engaged else frozenset(), reading)
        self._engaged, self._stamp = engaged, device.stamp
        return HumanInput(
            stamp=device.stamp,
            action=action,
            engaged=engaged,
            rewind=finite and "rewind" in device.buttons,
            pressed=device.buttons & frozenset(BUTTONS),
        )

    def _position(
        self, axes: NDArray[np.float64], engaged: bool, stamp: int, reading: Reading | None
    ) -> tuple[NDArray[np.float64], bool]:
        """The target (A,), moved by the axes since the last call; and whether there is one."""
        if not (engaged and self._engaged and self._target is not None):
            self._target, self._apart = self._map.anchor(reading), np.full(self.spec.action.size, np.inf)
            self._sent = None
            self._begun(stamp)
            if engaged and self._target is None:
                self._refuse(f"clutch pressed, but '{self._map.reference}' is not measured")
        elif self._stamp is not None:
            dt = min(max((stamp - self._stamp) * 1e-9, 0.0), self._longest_step)
            self._target = self._leashed(self._move(self._target, axes, dt))
        if self._target is None:
            return np.full(self.spec.action.size, np.nan), False
        return self._target.copy(), engaged

    def _begun(self, stamp: int, way: float = 0.0) -> None:
        """The input of that stamp [ns] is the first that asks for the target as it has begun anew; commands decided a
        control period and a way [s] later are an answer to it."""
        self._since = stamp + (1.0 / self.spec.rate + min(max(way, WAY), LONGEST_WAY)) * 1e9
        self._elsewhere = None

    def _move(self, target: NDArray[np.float64], axes: NDArray[np.float64], dt: float) -> NDArray[np.float64]:
        """The target a step later, inside the bounds so that it never winds up behind them; a heading goes round."""
        moved = target + self._map.rates @ axes * dt
        for columns, turn in self._map.turns:
            twist = np.concatenate([np.zeros(3), turn @ axes])
            moved[columns] = poses.integrate(moved[columns], twist, dt)
        return self._inside(moved)

    def _leashed(self, target: NDArray[np.float64], *, anew: bool = False) -> NDArray[np.float64]:
        """`target` (A,) brought to within its lead of what the robot was sent, the short way round for a heading.

        Where it began away from that, since the robot was not where it was sent to, it may lead by so much more until
        it has come nearer. The rotation of a pose is left alone: the safety envelope takes no poses.

        Args:
            anew: a number that is too far off is not the axes' doing: the robot was sent elsewhere (back, in a rewind;
                to where it was pushed in an emergency stop), and the target begins anew there.
        """
        if self._sent is None:
            return target
        ahead = target - circle.nearest(self._sent, target, self._circular)
        most = self._lead + self._apart
        far = np.abs(ahead) > most + _NONE
        left = np.where(far, 0.0 if anew else np.clip(ahead, -most, most), ahead)
        self._apart = np.minimum(self._apart, np.abs(left))
        return self._inside(np.where(far, target - ahead + left, target))

    def _inside(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        """`action` (A,) within the spec's bounds."""
        low, high = self.spec.action.low, self.spec.action.high
        out: NDArray[np.float64] = np.clip(circle.inside(action, low, high, self._circular), low, high)
        return out

    def _gripper(self, buttons: frozenset[str], reading: Reading | None) -> float:
        gripper = self._map.gripper
        if gripper is None:
            raise RuntimeError("this robot's teleop section has no gripper")
        if self._grip is None:
            self._grip = gripper.initial(reading)
        if ("close" in buttons) != ("open" in buttons):  # both at once ask for nothing
            self._grip = gripper.closed if "close" in buttons else gripper.open
        return self._grip

    def _refuse(self, reason: str) -> None:
        if self.refused == 0:
            log.warning("teleoperation input refused: %s (further ones are only counted)", reason)
        self.refused += 1


def _braking(spec: Spec, limits: Mapping[str, Any] | Limits, speed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The way (A,) that each number needs to brake from its speed (A,), as the safety envelope counts; 0 for one
    without an acceleration. Raises SpecError if the limits do not fit the spec."""
    fields = (limits if isinstance(limits, Limits) else control_limits.parse(spec, limits)).fields
    fastest = np.minimum(speed, np.concatenate([f.first for f in fields]))
    acceleration = np.concatenate([f.second for f in fields])
    way = fastest**2 / (2.0 * acceleration) + fastest * BRAKING / spec.rate
    return np.where(np.isfinite(acceleration), way, 0.0)
