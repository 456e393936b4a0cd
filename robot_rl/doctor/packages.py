"""Python, and the packages of each extra."""

from __future__ import annotations

import importlib.metadata
import sys

from robot_rl import __version__, extras
from robot_rl.doctor.check import Finding

_PURPOSE = {
    "sim": "simulated robots",
    "pusht": "PushT",
    "ros": "nodes",
    "train": "training and policies",
    "vision": "pretrained image backbones",
    "camera": "OpenCV cameras",
    "realsense": "RealSense cameras",
    "cockpit": "rerun and the cockpit",
    "cluster": "fine-tuning with several actors",
    "serve": "policy servers and those who ask them",
    "convert": "data sets of other formats",
    "cloud": "data sets in object stores",
}


def check_python() -> list[Finding]:
    """Which Python runs this, and which robot_rl."""
    version = ".".join(map(str, sys.version_info[:3]))
    return [Finding("Python", "pass", f"{version} at {sys.executable}, robot_rl {__version__}")]


def check_extras() -> list[Finding]:
    """Each extra's packages, by whether they are installed; none is imported."""
    out = []
    for extra, purpose in _PURPOSE.items():
        absent = extras.missing(extra)
        if absent:
            detail = f"for {purpose}: {', '.join(absent)} missing"
            out.append(Finding(f"extra [{extra}]", "warn", detail, f"pip install 'robot_rl[{extra}]'"))
        else:
            out.append(Finding(f"extra [{extra}]", "pass", f"for {purpose}"))
    return out + _pinned()


def _pinned() -> list[Finding]:
    """robosuite 1.5.2 runs on mujoco 3.8.1 and not from 3.10 on, whatever it declares."""
    versions = {name: _version(name) for name in ("robosuite", "mujoco")}
    if versions["mujoco"] is None:
        return []
    if versions["robosuite"] is None:
        remedy = extras.remedy("robosuite") or ""
        return [Finding("robosuite", "warn", "not installed: no simulated arm", remedy)]
    detail = f"robosuite {versions['robosuite']} on mujoco {versions['mujoco']}"
    if tuple(int(n) for n in versions["mujoco"].split(".")[:2]) >= (3, 10):
        return [Finding("robosuite", "fail", f"{detail}: breaks from mujoco 3.10 on", "pip install mujoco==3.8.1")]
    return [Finding("robosuite", "pass", detail)]


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
