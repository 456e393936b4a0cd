from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from robot_rl import extras

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("torch.nn", "pip install 'robot_rl[train]'"),
        ("rclpy", "pip install 'robot_rl[ros]'"),
        ("mujoco", "pip install 'robot_rl[sim]'"),
        ("timm", "pip install 'robot_rl[vision]'"),
        ("pyrealsense2", "pip install 'robot_rl[realsense]'"),
        ("rerun", "pip install 'robot_rl[cockpit]'"),
        ("gym_pusht", "pip install 'robot_rl[sim,pusht]' && pip install --no-deps gym-pusht==0.1.8"),
        ("gym_hil", "pip install 'robot_rl[sim]' && pip install --no-deps gym-hil==0.1.14"),
        ("robosuite", "pip install 'robot_rl[sim]' && pip install --no-deps robosuite==1.5.2"),
    ],
)
def test_each_optional_package_has_the_command_that_installs_it(module: str, command: str) -> None:
    assert extras.remedy(module) == command


def test_a_module_of_no_extra_has_no_remedy() -> None:
    assert extras.remedy("numpy") is None
    assert extras.explain(ModuleNotFoundError("no", name="left_pad")) is None


def test_a_failed_import_is_explained_in_one_line() -> None:
    line = extras.explain(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert line == "torch not installed: pip install 'robot_rl[train]'"


def test_require_passes_when_everything_is_there_and_names_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    extras.require("dev")
    monkeypatch.setitem(extras.EXTRAS, "train", ("json", "no_such_module_a", "no_such_module_b"))
    with pytest.raises(extras.MissingExtraError) as caught:
        extras.require("dev", "train")
    assert str(caught.value) == "no_such_module_a, no_such_module_b not installed: pip install 'robot_rl[train]'"


def test_every_extra_named_to_the_user_is_declared_in_the_packaging() -> None:
    assert set(extras.EXTRAS) <= set(PROJECT["optional-dependencies"])


def test_all_brings_every_extra_but_tools_and_the_readme_names_each() -> None:
    declared = set(PROJECT["optional-dependencies"]) - {"all"}
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert set(everything.removeprefix("robot_rl[").removesuffix("]").split(",")) == declared - {"dev"}
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    table = readme.partition("## Installing parts")[2].partition("\n\n")[0]
    assert all(f"`[{extra}]`" in table for extra in declared), table
