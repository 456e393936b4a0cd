"""The processes of the graph: starting them, and what they cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TICK = os.sysconf("SC_CLK_TCK")
FOLDER = Path(__file__).resolve().parents[1]


def start(module: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A module of this folder as a process, its standard output as a pipe."""
    command = [sys.executable, "-m", f"ros_graph.{module}", *arguments]
    path = os.pathsep.join([str(FOLDER), environment.get("PYTHONPATH", "")])
    return subprocess.Popen(command, env={**environment, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)


def expect(process: subprocess.Popen[str], line: str) -> None:
    """Wait for a line of output. Raises RuntimeError if another comes, or none."""
    if process.stdout is None or (got := process.stdout.readline().strip()) != line:
        raise RuntimeError(f"'{line}' was expected from {process.args}, it ended or said '{got}'")


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The JSON line that a process prints last. Raises RuntimeError if it ends without."""
    out, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{process.args} ended with exit code {process.returncode}")
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, user and system [s]; see proc(5), /proc/<pid>/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mb(pid: int) -> float:
    """Resident memory of a process [MB]."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise ProcessLookupError(f"process {pid} has no memory: it has ended")
