from __future__ import annotations

import ast
import importlib.util
import os
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from robot_rl.runtime.launch import arguments_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ros2_ws" / "src" / "robot_rl"
SCRIPTS = sorted((PACKAGE / "scripts").iterdir())
LAUNCH = sorted((PACKAGE / "launch").glob("*.launch.py"))


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def test_the_manifest_says_what_colcon_needs():
    root = ElementTree.parse(PACKAGE / "package.xml").getroot()
    assert root.tag == "package" and root.get("format") == "3"
    assert root.findtext("name") == "robot_rl"
    assert root.findtext("license") == "Apache-2.0"
    assert root.findtext("export/build_type") == "ament_cmake"
    maintainer = root.find("maintainer")
    # an address that is not valid makes colcon drop the package's metadata without a word
    assert maintainer is not None and re.fullmatch(r"[\w.-]+@[\w-]+(\.[\w-]+)+", maintainer.get("email", ""))


def test_manifest_and_wheel_have_one_version():
    version = ElementTree.parse(PACKAGE / "package.xml").getroot().findtext("version")
    assert version == project()["project"]["version"]


def test_the_manifest_names_every_message_package_that_the_nodes_import():
    root = ElementTree.parse(PACKAGE / "package.xml").getroot()
    declared = {e.text for e in root.iter("exec_depend")}
    imported = set()
    for path in (ROOT / "robot_rl" / "ros").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith((".msg", ".srv")):
                imported.add(node.module.split(".")[0])
    assert "sensor_msgs" in imported
    assert imported <= declared


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_an_executable_starts_the_node_of_its_name(script: Path):
    assert os.access(script, os.X_OK)
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env python3\n")
    imports = [n for n in ast.parse(text).body if isinstance(n, ast.ImportFrom)]
    assert [(n.module, [a.name for a in n.names]) for n in imports] == [
        ("robot_rl.runtime.launch.parent", ["end_with_parent"]),
        (f"robot_rl.ros.{script.name}", ["main"]),
    ]
    spec = importlib.util.find_spec(f"robot_rl.ros.{script.name}")
    assert spec is not None and spec.origin is not None
    defined = {n.name for n in ast.parse(Path(spec.origin).read_text()).body if isinstance(n, ast.FunctionDef)}
    assert "main" in defined


def test_every_node_module_has_an_executable():
    modules = {p.stem for p in (ROOT / "robot_rl" / "ros").glob("*_node.py")}
    assert modules == {s.name for s in SCRIPTS}


def test_cmake_installs_every_executable():
    text = (PACKAGE / "CMakeLists.txt").read_text()
    assert set(re.findall(r"scripts/(\w+)", text)) == {s.name for s in SCRIPTS}


def test_every_executable_is_started_by_some_launch_description():
    text = "".join(p.read_text() for p in (PACKAGE / "launch").rglob("*.launch.yaml"))
    assert set(re.findall(r"exec: (\w+)", text)) == {s.name for s in SCRIPTS}


def test_there_are_the_five_bring_ups():
    assert [p.name for p in LAUNCH] == [f"{n}.launch.py" for n in ("collect", "deploy", "finetune", "record", "teleop")]


@pytest.mark.parametrize("path", LAUNCH, ids=lambda p: p.name)
def test_a_python_launch_file_includes_the_yaml_of_its_name_and_adds_nothing(path: Path):
    tree = ast.parse(path.read_text())
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    described = {t for t in texts if t.endswith(".launch.yaml")}
    assert described == {path.name.replace(".py", ".yaml")}
    assert path.with_suffix(".yaml").is_file()
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert "DeclareLaunchArgument" not in called and "IncludeLaunchDescription" in called


@pytest.mark.parametrize("name", ["teleop", "record", "deploy", "finetune"])
def test_every_argument_is_explained_and_used(name: str):
    arguments = arguments_of(name)
    kept = "session" if name == "finetune" else "dataset"
    assert {"robot", "device", kept, "cameras", "control_mode", "lockstep", "episodes", "seed"} <= {
        a.name for a in arguments
    }
    text = "".join(p.read_text() for p in (PACKAGE / "launch").rglob("*.launch.yaml"))
    for argument in arguments:
        assert argument.description.endswith("."), argument.name
        # deploy.launch.py includes deploy.launch.yaml, and ROS's include refuses a required argument that it
        # does not pass on itself, even where the command line gives it
        assert argument.default is not None, argument.name
        assert f"$(var {argument.name})" in text, f"{argument.name} is declared and never used"


def test_the_wheel_carries_the_package_as_an_ament_prefix():
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    carried = wheel["shared-data"]
    assert carried["ros2_ws/src/robot_rl/resource/robot_rl"] == "share/ament_index/resource_index/packages/robot_rl"
    assert carried["ros2_ws/src/robot_rl/launch"] == "share/robot_rl/launch"
    assert carried["ros2_ws/src/robot_rl/scripts"] == "lib/robot_rl"
    for source in carried:
        assert (ROOT / source).exists(), f"{source} is named in pyproject.toml and does not exist"


def test_the_image_profile_is_well_formed_and_takes_a_full_hd_frame():
    root = ElementTree.parse(PACKAGE / "config" / "fastdds_images.xml").getroot()
    name = "{http://www.eprosima.com}"
    segment = int(next(root.iter(f"{name}segment_size")).text or 0)
    assert segment >= 4 * 1920 * 1080 * 3
