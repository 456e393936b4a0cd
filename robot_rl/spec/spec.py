"""The spec of a robot, and in which ways two of them differ."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from robot_rl.spec.field import SpecError
from robot_rl.spec.layout import Layout


@dataclass(frozen=True)
class Spec:
    """What one robot senses (`observation`), how it is commanded (`action`) and how often (`rate` [Hz])."""

    robot: str
    rate: float
    observation: Layout
    action: Layout
    control_mode: str = ""
    """Which of the robot's ways of being commanded `action` is, e.g. `cartesian_velocity`."""

    @property
    def period_ns(self) -> int:
        """One control period [ns]."""
        return round(1e9 / self.rate)

    def differences(self, other: Spec, *, bounds: bool = True) -> list[str]:
        """One line for each way in which `other` does not fit `self`; empty when they fit.

        Commands travel as one flat vector, so the order of the action fields counts, and in every field what its
        numbers are called. Observations are read by name, in any order.

        Args:
            bounds: also compare the limits of the action fields.
        """
        out = []
        if self.control_mode != other.control_mode:
            out.append(f"control mode: '{self.control_mode}' against '{other.control_mode}'")
        if abs(self.rate - other.rate) > 1e-9:
            out.append(f"rate: {self.rate:g} Hz against {other.rate:g} Hz")
        for part in ("observation", "action"):
            mine, theirs = getattr(self, part), getattr(other, part)
            out += [f"{part} '{n}': only in the first" for n in mine if n not in theirs]
            out += [f"{part} '{n}': only in the second" for n in theirs if n not in mine]
            keys = ["shape", "kind", "unit", "frame", "labels"] + (
                ["low", "high"] if bounds and part == "action" else []
            )
            for n in mine:
                if n in theirs:
                    for k in keys:
                        a, b = getattr(mine[n], k), getattr(theirs[n], k)
                        if a != b and not (k == "labels" and mine[n].shape != theirs[n].shape):
                            out.append(f"{part} '{n}': {k} {a} against {b}")
        if list(self.action) != list(other.action) and set(self.action) == set(other.action):
            out.append(f"action: order of fields {', '.join(self.action)} against {', '.join(other.action)}")
        return out

    def only(self, names: Container[str]) -> Spec:
        """The same robot as seen by whoever looks at these observation fields alone."""
        observation = {n: f for n, f in self.observation.items() if n in names}
        return Spec(self.robot, self.rate, Layout(observation), self.action, self.control_mode)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready description; `Spec.from_dict` reads it back."""
        return {
            "robot": self.robot,
            "rate": self.rate,
            "control_mode": self.control_mode,
            "observation": self.observation.to_dict(),
            "action": self.action.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spec:
        """Read what `to_dict` wrote."""
        for key in ("robot", "rate", "observation", "action"):
            if key not in data:
                raise SpecError(f"spec: '{key}' is missing")
        return cls(
            robot=data["robot"],
            rate=float(data["rate"]),
            control_mode=data.get("control_mode", ""),
            observation=Layout.from_dict(data["observation"]),
            action=Layout.from_dict(data["action"]),
        )


def mismatch(first: tuple[str, Spec], second: tuple[str, Spec], differences: Iterable[str]) -> str:
    """What a message says of two that were to fit: both robots, then a line for each difference.

    Args:
        first, second: what is of that spec, as in `data set datasets/lift`, in the order of `differences`.
    """
    (one, a), (other, b) = first, second
    if a.robot == b.robot:
        told = (
            f"{one} (first) and {other} (second) are both of robot '{a.robot}', whose robot.yaml or control mode has "
            "changed in between"
        )
    else:
        told = f"{one} (first) is of robot '{a.robot}', {other} (second) of robot '{b.robot}'"
    return "\n  ".join([f"{told}:", *differences])
