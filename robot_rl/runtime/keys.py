"""What a person's keys mean for a session beside take-overs: a held success key as the judge, and undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from robot_rl.hardware.human import DeviceInput, Operator
from robot_rl.hardware.robot import Outcome, Reading


class HeldKey:
    """The success key as a verdict: success is for as long as it is held. An Operator around another.

    The key itself then ends nothing; how many steps it must be held is the rules' `success_hold`. It is late, as every
    key is: use it with `EpisodeRules.late_verdict`.
    """

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.held, self._stale = False, True
        """The person says that the task is done."""

    def reset(self, seed: int | None = None) -> None:
        """A new episode; a key that is still held from the one before says nothing of this one."""
        self._operator.reset(seed)
        self.held, self._stale = False, True

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device without its success key."""
        device = self._operator.input(reading, policy_active=policy_active)
        held = "success" in device.buttons
        self._stale = self._stale and held
        self.held = held and not self._stale
        return replace(device, buttons=device.buttons - {"success"})


class KeyJudge:
    """A judge for tasks that nothing but a person judges.

    Args:
        key: says when the task is done; None leaves it to the marks, which end an episode by themselves.
    """

    def __init__(self, key: HeldKey | None = None) -> None:
        self._key = key

    def reset(self) -> None:
        """A new episode; the key hears of it as an operator."""

    def __call__(self) -> Outcome:
        """What the person says of the present state."""
        done = self._key is not None and self._key.held
        return Outcome(reward=float(done), success=done)


class Undo:
    """The marks of a sitting that may be taken back, and how often somebody has asked for it."""

    def __init__(self) -> None:
        self._asked = 0
        self._standing: list[Callable[[], None]] = []

    def __call__(self) -> None:
        """The newest mark that stands is to be taken back, as soon as nothing is under way."""
        self._asked += 1

    def note(self, take_back: Callable[[], None]) -> None:
        """A mark has been set.

        Args:
            take_back: undoes it.
        """
        self._standing.append(take_back)

    def settle(self, nothing_left: Callable[[], None]) -> None:
        """Nothing is under way: take back what was asked for.

        Args:
            nothing_left: called for each wish that finds no mark.
        """
        asked, self._asked = self._asked, 0
        for _ in range(asked):
            (self._standing.pop() if self._standing else nothing_left)()


class UndoKey:
    """Notices each press of `undo`; an Operator around another.

    Args:
        pressed: called at each press, in the middle of an episode.
    """

    def __init__(self, operator: Operator, pressed: Callable[[], None]) -> None:
        self._operator, self._pressed = operator, pressed
        self._held = False

    def reset(self, seed: int | None = None) -> None:
        """A new episode."""
        self._operator.reset(seed)

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device as it is."""
        device = self._operator.input(reading, policy_active=policy_active)
        held = "undo" in device.buttons
        if held and not self._held:
            self._pressed()
        self._held = held
        return device
