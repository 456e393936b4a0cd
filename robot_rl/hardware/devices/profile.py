"""Reading `hardware/devices/<device>/device.yaml`: what the raw axes and buttons of a device mean.

The same profile interprets what our own readers deliver and what a ROS driver publishes on sensor_msgs/Joy, and
its inverse lets a scripted operator publish exactly what the device would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl import workspace
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.devices.axes import AxisMap
from robot_rl.hardware.devices.buttons import ButtonReader, ButtonRule, ButtonWriter
from robot_rl.hardware.devices.raw import DeviceError
from robot_rl.hardware.human import AXES, BUTTONS, DeviceInput
from robot_rl.settings import yaml_text

FOLDER = "hardware/devices"


@dataclass(frozen=True)
class RawLayout:
    """How many raw axes and buttons the device has, and where its axes rest when nobody touches them."""

    axes: int
    buttons: int
    rest: Mapping[int, float]


class DeviceProfile:
    """Raw axes and buttons to canonical ones (`interpret`) and back (`raw`).

    Chords and toggles make both remember the buttons of the call before; use one profile per device.
    """

    def __init__(
        self,
        name: str,
        driver: str,
        layout: RawLayout,
        axes: Mapping[str, AxisMap],
        buttons: Sequence[ButtonRule],
        description: str = "",
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.driver, self.layout, self.description = name, driver, layout, description
        self._axes, self._names = dict(axes), dict(names or {})
        self._meanings = frozenset(m for rule in buttons for m in rule.meanings)
        self._reader, self._writer = ButtonReader(buttons), ButtonWriter(buttons)

    @classmethod
    def load(cls, name: str) -> DeviceProfile:
        """Read the profile called `name` (or the device.yaml at that path).

        Raises:
            ConfigError: no such device, or the file has a missing, extra or ill-typed key.
        """
        path = Path(name) if name.endswith((".yaml", ".yml")) else workspace.find(FOLDER, name, "device.yaml")
        if path is None or not path.is_file():
            raise ConfigError(f"no input device '{name}'.{workspace.did_you_mean(name, devices())}")
        try:
            data = yaml_text.load(path.read_text())
        except yaml_text.YAMLError as error:
            raise ConfigError(f"{path}: not readable as YAML: {error}") from None
        return _parse(data, path)

    def interpret(self, stamp: int, axes: Sequence[float], buttons: Sequence[int]) -> DeviceInput:
        """What the device says, in canonical axes and buttons.

        Args:
            stamp: when the device was in this state [ns].
            axes, buttons: the raw state; more of either than the profile knows are ignored.

        Returns:
            An axis is NaN where the raw one is not finite; Teleop refuses such input.

        Raises:
            DeviceError: fewer axes or buttons than the profile needs.
        """
        if len(axes) < self.layout.axes or len(buttons) < self.layout.buttons:
            raise DeviceError(
                f"profile '{self.name}' needs {self.layout.axes} axes and {self.layout.buttons} buttons, the device "
                f"has {len(axes)} and {len(buttons)}: use another profile, or copy {FOLDER}/{self.name} and adapt it"
            )
        values = [self._axes[a].read(axes, buttons) if a in self._axes else 0.0 for a in AXES]
        return DeviceInput(stamp, np.array(values), self._reader.read(buttons))

    def raw(self, device: DeviceInput) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """The raw axes and buttons that `interpret` turns into `device`.

        Raises:
            DeviceError: the device cannot express this.
        """
        axes = [self.layout.rest.get(i, 0.0) for i in range(self.layout.axes)]
        buttons = [0] * self.layout.buttons
        for name, value in zip(AXES, device.axes.tolist()):
            if name in self._axes:
                self._axes[name].write(value, axes, buttons)
            elif value:
                raise DeviceError(f"device '{self.name}' has no axis '{name}'")
        try:
            self._writer.write(device.buttons, buttons)
        except ValueError as error:
            raise DeviceError(f"device '{self.name}': {error}") from None
        return tuple(axes), tuple(buttons)

    def printed_on(self, button: str) -> str | None:
        """What a person reads on a canonical button, else its canonical name; None where the device has none."""
        return self._names.get(button, button) if button in self._meanings else None

    def reset(self) -> None:
        """Forget the buttons seen so far; toggles start again from their first meaning."""
        self._reader.reset()
        self._writer.reset()


def devices() -> list[str]:
    """The names of all input devices that have a device.yaml."""
    return workspace.names(FOLDER, "device.yaml")


def _parse(data: Any, path: Path) -> DeviceProfile:
    where = str(path)
    top = _mapping(data, where, required={"description", "driver", "raw", "axes", "buttons"}, optional={"names"})
    raw = _mapping(top["raw"], f"{where}: raw", required={"axes", "buttons"}, optional={"rest"})
    layout = RawLayout(
        axes=_index(raw["axes"], f"{where}: raw.axes", 1000),
        buttons=_index(raw["buttons"], f"{where}: raw.buttons", 1000),
        rest={
            _index(i, f"{where}: raw.rest", raw["axes"]): _number(v, f"{where}: raw.rest.{i}", -1.0, 1.0)
            for i, v in _mapping(raw.get("rest", {}), f"{where}: raw.rest").items()
        },
    )
    axes = {
        name: _axis(entry, layout, f"{where}: axes.{name}")
        for name, entry in _mapping(top["axes"], f"{where}: axes", optional=set(AXES)).items()
    }
    rules = [
        _button(name, entry, layout, f"{where}: buttons.{name}")
        for name, entry in _mapping(top["buttons"], f"{where}: buttons", optional={*BUTTONS, "gripper"}).items()
    ]
    meanings = {m for rule in rules for m in rule.meanings}
    names = {b: str(n) for b, n in _mapping(top.get("names", {}), f"{where}: names", optional=meanings).items()}
    _refuse_double_use(axes, where)
    if not any("clutch" in r.meanings for r in rules):
        raise ConfigError(f"{where}: buttons: 'clutch' is missing: without a deadman nobody could take control")
    return DeviceProfile(path.parent.name, str(top["driver"]), layout, axes, rules, str(top["description"]), names)


def _axis(entry: Any, layout: RawLayout, where: str) -> AxisMap:
    entry = _mapping(entry, where, optional={"axis", "buttons", "triggers", "sign", "deadband", "exponent"})
    sources = [s for s in ("axis", "buttons", "triggers") if s in entry]
    if len(sources) != 1:
        raise ConfigError(f"{where}: exactly one of 'axis', 'buttons', 'triggers' is needed, got {sources or 'none'}")
    source = sources[0]
    indices = [entry["axis"]] if source == "axis" else entry[source]
    if not isinstance(indices, list) or len(indices) != (1 if source == "axis" else 2):
        raise ConfigError(f"{where}: {source} {indices!r} must be two raw indices, [plus, minus]")
    count = layout.buttons if source == "buttons" else layout.axes
    sign = _number(entry.get("sign", 1), f"{where}: sign", -1.0, 1.0)
    if abs(sign) != 1.0:
        raise ConfigError(f"{where}: sign {sign:g} must be 1 or -1")
    exponent = _number(entry.get("exponent", 1), f"{where}: exponent", 0.1, 10.0)
    deadband = _number(entry.get("deadband", 0), f"{where}: deadband", 0.0, 0.9)
    return AxisMap(source, tuple(_index(i, where, count) for i in indices), sign, deadband, exponent)  # type: ignore[arg-type]


def _button(name: str, entry: Any, layout: RawLayout, where: str) -> ButtonRule:
    meanings = ("close", "open") if name == "gripper" else (name,)
    if not isinstance(entry, dict):
        return ButtonRule(_index(entry, where, layout.buttons), meanings)
    entry = _mapping(entry, where, required={"button"}, optional={"with", "without"})
    index = {key: _index(value, f"{where}.{key}", layout.buttons) for key, value in entry.items()}
    return ButtonRule(index["button"], meanings, index.get("with"), index.get("without"))


def _refuse_double_use(axes: Mapping[str, AxisMap], where: str) -> None:
    used: dict[tuple[bool, int], str] = {}
    for name, axis in axes.items():
        for i in axis.indices:
            other = used.setdefault((axis.source == "buttons", i), name)
            if other != name:
                raise ConfigError(f"{where}: axes.{name}: raw index {i} is already used by axes.{other}")


def _mapping(
    value: Any, where: str, required: set[str] | None = None, optional: set[str] | None = None
) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: a mapping was expected, got {type(value).__name__}")
    required = required or set()
    for key in sorted(required - set(value)):
        raise ConfigError(f"{where}: '{key}' is missing")
    known = required | (optional or set())
    if known:
        for key in value:
            if key not in known:
                raise ConfigError(f"{where}: unknown key '{key}'.{workspace.did_you_mean(str(key), known)}")
    return value


def _index(value: Any, where: str, count: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise ConfigError(f"{where}: {value!r} must be a whole number from 0 to {count - 1}")
    return value


def _number(value: Any, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{where}: {value!r} must be a number from {low:g} to {high:g}")
    return float(value)
