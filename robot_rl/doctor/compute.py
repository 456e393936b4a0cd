"""What training and policies will run on."""

from __future__ import annotations

import importlib.util
import os

from robot_rl.doctor.check import Finding
from robot_rl.doctor.probe import ProbeError, result, start

_CODE = """
import json, time, torch
device = "cuda" if torch.cuda.is_available() else "cpu"
name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
a = torch.randn(1024, 1024, device=device)
(a @ a).sum().item()
begun = time.perf_counter()
for _ in range(5):
    b = a @ a
b.sum().item()
rate = 5 * 2 * 1024**3 / (time.perf_counter() - begun) / 1e9
print(json.dumps({"device": name, "gflops": rate, "version": torch.__version__}))
"""


def check_compute() -> list[Finding]:
    """CPU cores, memory, and that torch multiplies matrices on the device it would choose."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    detail = f"{cores} CPU cores, {memory:.0f} GB memory"
    if cores < 2:
        machine = Finding("machine", "warn", detail, "a node graph with cameras wants at least 2 cores")
    else:
        machine = Finding("machine", "pass", detail)
    return [machine, _torch()]


def _torch() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", "warn", "not installed", "pip install 'robot_rl[train]'")
    try:
        seen = result(start("-c", _CODE), timeout=30)
    except ProbeError as error:
        return Finding("torch", "fail", str(error), "reinstall: pip install --force-reinstall torch==2.13.0")
    detail = f"{seen['version']} on {seen['device']}, {seen['gflops']:.0f} GFLOP/s"
    return Finding("torch", "pass", detail, figures={"gflops": seen["gflops"]})
