"""From raw buttons to canonical ones, with the chords that devices of few buttons need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ButtonRule:
    """One raw button's meaning, decided at the moment it is pressed and kept until it is let go.

    Deciding at the press keeps a chord from turning into another one when its buttons are let go one by one.
    """

    button: int
    meanings: tuple[str, ...]
    """The canonical button; several are taken in turn, one a press."""
    held: int | None = None
    """Another raw button that must be down at the press."""
    free: int | None = None
    """Another raw button that must be up at the press."""

    def applies(self, buttons: Sequence[int]) -> bool:
        return (self.held is None or bool(buttons[self.held])) and (self.free is None or not buttons[self.free])


class ButtonReader:
    """Follows the raw buttons from call to call."""

    def __init__(self, rules: Sequence[ButtonRule]) -> None:
        self._rules = tuple(rules)
        self.reset()

    def reset(self) -> None:
        """Everything released, every cycle at its first meaning."""
        self._meaning: dict[int, frozenset[str]] = {}
        self._presses = dict.fromkeys(self._rules, 0)

    def read(self, buttons: Sequence[int]) -> frozenset[str]:
        """The canonical buttons held, given the raw ones."""
        for button in {r.button for r in self._rules}:
            if not buttons[button]:
                self._meaning.pop(button, None)
            elif button not in self._meaning:
                self._meaning[button] = self._decide(button, buttons)
        return frozenset().union(*self._meaning.values())

    def next_meaning(self, rule: ButtonRule) -> str:
        """What the next press of this rule's button will mean."""
        return rule.meanings[self._presses[rule] % len(rule.meanings)]

    def _decide(self, button: int, buttons: Sequence[int]) -> frozenset[str]:
        meanings = set()
        for rule in self._rules:
            if rule.button == button and rule.applies(buttons):
                meanings.add(self.next_meaning(rule))
                self._presses[rule] += 1
        return frozenset(meanings)


class ButtonWriter:
    """The inverse of ButtonReader: presses raw buttons so that a reader sees the canonical ones asked for."""

    def __init__(self, rules: Sequence[ButtonRule]) -> None:
        self._rules = tuple(rules)
        self._mirror = ButtonReader(rules)
        self._pressing: dict[str, ButtonRule] = {}

    def reset(self) -> None:
        self._mirror.reset()
        self._pressing.clear()

    def write(self, wanted: frozenset[str], buttons: list[int]) -> None:
        """Set `buttons` for the canonical buttons `wanted`.

        A wanted meaning of a cycle whose turn it is not was sent before and still holds (the gripper is closed
        already), so nothing is pressed for it.

        Raises:
            ValueError: the device has no such button, or cannot hold these together.
        """
        self._pressing = {m: r for m, r in self._pressing.items() if m in wanted}
        for meaning in sorted(wanted - set(self._pressing)):
            rules = [r for r in self._rules if meaning in r.meanings]
            if not rules:
                raise ValueError(f"no raw button means '{meaning}'")
            if self._mirror.next_meaning(rules[0]) == meaning:
                self._pressing[meaning] = rules[0]
        for rule in self._pressing.values():
            buttons[rule.button] = 1
            if rule.held is not None:
                buttons[rule.held] = 1
        seen = self._mirror.read(buttons)
        if not set(self._pressing) <= seen <= wanted:
            raise ValueError(f"{', '.join(sorted(wanted))} cannot be held together")
