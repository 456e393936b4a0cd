from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.datasets.sampling import memory


def total() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_the_tightest_control_group_above_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = next(
        line.split(":", 2)
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if line.split(":")[1] == "" or "memory" in line.split(":")[1].split(",")
    )
    root = tmp_path / "memory" if own[1] else tmp_path
    name = "memory.limit_in_bytes" if own[1] else "memory.max"
    group = root / own[2].lstrip("/")
    group.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("123456789\n")
    if group != root:
        (group / name).write_text("max\n")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    assert memory.available() == 123456789


def test_without_a_limit_it_is_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(memory.resource, "getrlimit", lambda which: (memory.resource.RLIM_INFINITY,) * 2)
    assert memory.available() == total()


def test_a_limit_of_the_address_space_counts() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31));"
        "import importlib.util as u, sys;"
        f"s = u.spec_from_file_location('memory', {str(memory.__file__)!r}); m = u.module_from_spec(s);"
        "s.loader.exec_module(m); print(m.available())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(out) == min(1 << 31, total())
