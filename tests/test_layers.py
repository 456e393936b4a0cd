"""The layer rule is held by import-linter; these tests show that its contracts catch what they are there to catch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT), "--config", "pyproject.toml", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "robot_rl", folder / "robot_rl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_package_keeps_the_layer_rule() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("control/bad.py", "import robot_rl.runtime", "Imports flow one way"),
        ("newcomer.py", "", "Imports flow one way"),
        ("runtime/bad.py", "import rclpy", "Only robot_rl.ros imports rclpy"),
        ("hardware/bad.py", "def late():\n    import torch", "A robot computer runs without torch"),
        ("datasets/bad.py", "import robot_rl.policies", "Simulation, data sets, policies and rewards see each other"),
        ("commands/bad.py", "import robot_rl.ros", "Nodes are started as processes, never imported"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / "robot_rl" / module
    path.write_text(line + "\n")
    try:
        result = lint(copy)
    finally:
        path.unlink()
    assert result.returncode == 1
    if module == "newcomer.py":
        assert "robot_rl.newcomer" in result.stdout
    else:
        assert any(contract in row and "BROKEN" in row for row in result.stdout.splitlines()), result.stdout
