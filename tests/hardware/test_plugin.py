"""A class named in robot.yaml: what is said when it cannot be had, and which options it may be given."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from robot_rl.hardware.errors import ConfigError
from robot_rl.hardware.plugin import check_options, load_class

Write = Callable[[str, str], Path]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes modules of a lab's own, which this Python finds."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> Path:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    yield write  # type: ignore[misc]
    for name in set(sys.modules) - before:
        if name.startswith("our_"):
            del sys.modules[name]


def said(path: str) -> str:
    with pytest.raises(ConfigError) as raised:
        load_class(path, "driver")
    return str(raised.value)


def test_a_module_that_is_not_found_is_to_be_made_importable() -> None:
    text = said("our_lab.arm:Arm")
    assert text.startswith("driver 'our_lab.arm:Arm' cannot be imported: no module 'our_lab' is found.")
    assert "`pip install -e .`" in text and "PYTHONPATH to the folder that holds our_lab" in text


def test_a_package_without_the_module_says_where_the_package_was_found(lab: Write) -> None:
    place = lab("our_lab/__init__.py", "")
    assert f"'our_lab' is found ({place}), but has no module 'our_lab.arm'" in said("our_lab.arm:Arm")


@pytest.mark.parametrize(
    ("line", "missing", "remedy"),
    [
        ("import frankapy.control", "frankapy", f"install what brings it, `{sys.executable} -m pip install"),
        ("import robosuite_none", "robosuite_none", "install what brings it"),
        ("import our_other.arm", "our_other", "install what brings it"),
    ],
)
def test_a_module_that_is_found_and_imports_what_is_not_names_that_and_the_line(
    lab: Write, line: str, missing: str, remedy: str
) -> None:
    place = lab("our_arm.py", f"import json\n{line}\n")
    assert f"module 'our_arm' is found, but {place}, line 2 imports '{missing}', which is not: " in said("our_arm:Arm")
    assert remedy in said("our_arm:Arm")


def test_a_missing_extra_of_this_package_is_named_with_what_installs_it(
    lab: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab("our_arm.py", "import pyrealsense2\n")
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    assert "pyrealsense2 not installed: pip install 'robot_rl[realsense]'" in said("our_arm:Arm")


def test_an_import_that_fails_for_another_reason_keeps_that_reason(lab: Write) -> None:
    place = lab("our_arm.py", "from json import arm\n")
    text = said("our_arm:Arm")
    assert f"module 'our_arm' is found, but importing it fails in {place}, line 1: cannot import name 'arm'" in text


def test_a_class_that_the_module_has_not_names_those_that_it_has(lab: Write) -> None:
    lab("our_arm.py", "from pathlib import Path\nclass Arm: ...\n")
    assert "module 'our_arm' has no 'Amr'. Did you mean 'Arm'? Known: Arm." in said("our_arm:Amr")


class Arm:
    def __init__(self, spec: Any, host: str, *, port: int = 80) -> None: ...


class Open:
    def __init__(self, spec: Any, host: str, **rest: Any) -> None: ...


class Nothing:
    def __init__(self, *, host: str = "") -> None: ...


@pytest.mark.parametrize(
    ("driver", "options", "text"),
    [
        (
            Arm,
            {"host": "x", "prot": 1},
            "options: driver 'lab:D' takes no 'prot'. Did you mean 'port'? Known: host, port.",
        ),
        (Arm, {"host": "x", "spec": 1}, "options: driver 'lab:D' takes no 'spec'. Known: host, port."),
        (Open, {"host": "x", "spec": 1}, "options: driver 'lab:D' takes no 'spec'. Known: host."),
        (Arm, {"port": 1}, "options: driver 'lab:D' needs 'host'; it takes 'host', 'port'"),
        (Open, {"port": 1}, "options: driver 'lab:D' needs 'host'; it takes 'host'"),
        (Nothing, {}, "driver 'lab:D' must take the spec as its first argument"),
    ],
)
def test_an_option_that_a_driver_does_not_take_or_misses_is_named_with_those_it_takes(
    driver: type, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        check_options(driver, "lab:D", options)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        (Arm, {"host": "x"}),
        (Arm, {"host": "x", "port": 1}),
        (Open, {"host": "x", "more": 1}),
        (SimpleNamespace(), {"x": 1}),
    ],
)
def test_options_that_fit_and_those_of_a_driver_that_says_nothing_are_left_to_it(
    driver: Any, options: dict[str, Any]
) -> None:
    check_options(driver, "lab:D", options)
