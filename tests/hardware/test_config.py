"""robot.yaml: every robot here holds, and a mistake anywhere in a file is one line with the file and the key."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from robot_rl import workspace
from robot_rl.hardware import config
from robot_rl.settings import yaml_text

FREE = ("options",)
"""Sections that are the driver's own."""


def read(name: str) -> dict[str, Any]:
    path = workspace.find("hardware", name, "robot.yaml")
    assert path is not None
    data: dict[str, Any] = yaml_text.load(path.read_text())
    return data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine" / "robot.yaml"


def places(data: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where each value lies, mappings included; the driver's own options are left out."""
    for key, value in data.items():
        if key not in FREE:
            yield (*at, key)
            if isinstance(value, dict):
                yield from places(value, (*at, key))


def changed(data: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    out = copy.deepcopy(data)
    section = out
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    return out


@pytest.mark.parametrize("name", config.robots())
def test_every_robot_here_holds_in_each_of_its_control_modes(name: str) -> None:
    for mode in config.load(name).control_modes:
        assert config.load(name, mode).spec.control_mode == mode


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("rate", "ten", "rate is 'ten'; it must be a number"),
        ("rate", 0, "rate is 0 Hz; it must be above 0"),
        ("rate", float("inf"), "rate is inf Hz"),
        ("driver", "my_lab.arm", "driver is 'my_lab.arm'; write module:Class"),
        ("drivr", "x", "unknown option 'drivr'. Did you mean 'driver'?"),
        ("observation.ee_pose.kind", "psoe", "observation.ee_pose.kind is 'psoe'; it must be one of vector"),
        (
            "observation.ee_pose.unit",
            "mm, 1",
            "field 'ee_pose': unit 'mm, 1' is not that of a pose, which a robot gives",
        ),
        ("observation.ee_pose.units", "m", "observation.ee_pose: unknown option 'units'. Did you mean 'unit'?"),
        ("action", {}, "action is empty; name at least one control mode"),
        ("action.cartesian_velocity.twist.low", [1, "x"], "twist.low[1] is 'x'; it must be a number"),
        ("cameras.front.width", "wide", "cameras.front.width is 'wide'; it must be a whole number"),
        ("cameras.front.driver", "zed", "cameras.front.driver: no driver 'zed', nor is that a module:Class"),
        ("cameras.front.fps", 0, "cameras.front: 128 x 128 pictures at 0 Hz; each must be above 0"),
        ("cameras.front.name", "x", "cameras.front: unknown option 'name'"),
        ("limits.comand_timeout", 1, "limits: unknown key 'comand_timeout'. Did you mean 'command_timeout'?"),
        ("limits.command_timeout", True, "limits: 'command_timeout' is True; numbers were expected"),
        ("limits.force", None, "limits of 'force': a mapping was expected, got None"),
        ("limits.rewind", {"sped": 1}, "limits.rewind: unknown option 'sped'. Did you mean 'speed'?"),
        ("limits.rewind", {"speed": "fast"}, "limits.rewind.speed is 'fast'; it must be a number"),
        ("limits.modes.cartesian_velocity.twist.workspace.reaction", "x", "'reaction' is 'x'; numbers were expected"),
        ("limits.modes", {}, "'limits.modes' says nothing of control mode 'cartesian_velocity'"),
        ("teleop.modes.cartesian_velocity.axes.x", "twist.q", "teleop.axes.x: no action number 'twist.q'"),
        ("teleop.modes.cartesian_velocity.integrate", "no", "teleop.integrate is 'no'; it must be true or false"),
        ("task.horizon", -3, "task.horizon is -3; it must be at least 1 step, or 0 for no limit"),
        ("task.horizon", "long", "task.horizon is 'long'; it must be a whole number"),
        ("task.success_hold", 0, "task.success_hold is 0; it must be at least 1 step"),
        ("task.horizn", 3, "task: unknown option 'horizn'. Did you mean 'horizon'?"),
        ("task.operator", "lift", "task.operator is 'lift'; write module:Class"),
        ("task.reset", "by hand", "task.reset is 'by hand'; write scripted:<module>:<Class>"),
        ("task.routines", {"again": "scripted:x"}, "task.routines.again is 'scripted:x'; write scripted:"),
        ("task.routines", ["x"], "task.routines is ['x']; it must be a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(path: Path, place: str, value: Any, words: str) -> None:
    path.write_text(yaml_text.dump(changed(read("sim_lift"), tuple(place.split(".")), value)))
    with pytest.raises(config.ConfigError) as raised:
        config.load(str(path))
    assert str(raised.value).startswith(f"{path}: ") and words in str(raised.value)


@pytest.mark.parametrize("name", ["sim_peg", "sim_crazyflie"])
def test_a_value_of_any_other_kind_is_taken_or_refused_with_the_file_but_is_never_an_internal_error(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read(name)
    path.touch()
    for place in places(data):
        for value in ("x", None, [], {}, -1.5, True, [{}], 10**400):
            _read_as(changed(data, place, value), monkeypatch)
            try:
                config.load(str(path))
            except config.ConfigError as error:
                assert str(error).startswith(f"{path}: "), (place, value)


@pytest.mark.parametrize("name", ["sim_peg", "sim_crazyflie", "sim_pickinsert"])
def test_a_key_that_is_none_is_refused_wherever_it_stands(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, mode = read(name), config.load(name).spec.control_mode
    path.touch()
    names = {"observation", "action", "cameras", "routines"}  # their keys are names of one's own
    mappings = [p for p in places(data) if isinstance(_at(data, p), dict) and p[-1] not in names]
    of_mode = [p for p in mappings if p[-1] != "modes" and ("modes" not in p[:-1] or mode in p)]
    checked = [p for p in of_mode if p[:1] != ("action",) or (len(p) > 2 and mode in p)]
    assert len(checked) > 10
    for place in checked:
        _read_as(changed(data, (*place, "tpyo"), 1.0), monkeypatch)
        with pytest.raises(config.ConfigError, match="tpyo"):
            config.load(str(path))


def _read_as(data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever file is read holds `data`: hundreds of variants, without PyYAML's time."""
    monkeypatch.setattr(yaml_text, "load", lambda text: data)


def _at(data: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        data = data[key]
    return data


def test_what_cannot_be_read_as_a_mapping_is_refused_with_the_file(path: Path) -> None:
    for text in ("a: [", "- 1\n", "", "\xff"):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(config.ConfigError) as raised:
            config.load(str(path))
        assert str(raised.value).startswith(f"{path}: ")


class Bare:
    """A robot as far as making it goes, and no simulation."""

    closed = 0

    def __init__(self, spec: Any, **_: Any) -> None:
        self.spec = spec

    def close(self) -> None:
        Bare.closed += 1


class Scene(Bare):
    """With what only a simulation has."""

    def scene_xml(self) -> str:
        return ""

    def scene_state(self) -> None: ...

    def outcome(self) -> None: ...


def test_a_lab_s_own_simulation_says_that_it_is_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "my_lab", SimpleNamespace(Arm=Bare, Sim=Scene))

    def loaded(**keys: Any) -> config.RobotConfig:
        path.write_text(yaml_text.dump({**read("sim_crazyflie"), "options": {}, **keys}))
        return config.load(str(path))

    ours = loaded(driver="my_lab:Sim", simulated=True)
    assert ours.simulated and isinstance(config.make(ours), Scene)
    real = loaded(driver="my_lab:Arm", simulated=False)
    assert not real.simulated and isinstance(config.make(real), Bare)
    for driver, said in (("my_lab:Arm", True), ("my_lab:Sim", False)):
        before = Bare.closed
        with pytest.raises(config.ConfigError, match=f"simulated is {str(said).lower()}, but the driver '{driver}'"):
            config.make(loaded(driver=driver, simulated=said))
        assert Bare.closed == before + 1


class Wired(Bare):
    def __init__(self, spec: Any, host: str) -> None:
        super().__init__(spec)


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        (
            "my_lab:Wired",
            {"host": "x", "hots": "x"},
            "options: driver 'my_lab:Wired' takes no 'hots'. Did you mean 'host'",
        ),
        ("my_lab:Wired", {}, "options: driver 'my_lab:Wired' needs 'host'; it takes 'host'"),
        ("my_lb:Wired", {}, "driver 'my_lb:Wired' cannot be imported: no module 'my_lb' is found"),
        ("my_lab:Wried", {}, "driver 'my_lab:Wried': module 'my_lab' has no 'Wried'"),
    ],
)
def test_a_driver_that_cannot_be_made_as_the_file_says_is_one_line_with_the_file(
    path: Path, driver: str, options: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "my_lab", SimpleNamespace(Wired=Wired))
    path.write_text(yaml_text.dump({**read("sim_crazyflie"), "driver": driver, "options": options}))
    with pytest.raises(config.ConfigError) as raised:
        config.make(config.load(str(path)))
    assert str(raised.value).startswith(f"{path}: {words}")
