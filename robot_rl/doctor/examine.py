"""All checks, one after the other: those that measure must not disturb each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from robot_rl.doctor.check import Check, Finding
from robot_rl.doctor.compute import check_compute
from robot_rl.doctor.devices import check_cameras, check_inputs
from robot_rl.doctor.packages import check_extras, check_python
from robot_rl.doctor.rendering import check_rendering
from robot_rl.doctor.storage import check_disk
from robot_rl.doctor.timing import check_clock, check_jitter
from robot_rl.doctor.transport import check_transport

Name = Literal["python", "extras", "compute", "rendering", "ros", "cameras", "inputs", "jitter", "disk", "clock"]

CHECKS: dict[Name, Check] = {
    "python": check_python,
    "extras": check_extras,
    "compute": check_compute,
    "rendering": check_rendering,
    "ros": check_transport,
    "cameras": check_cameras,
    "inputs": check_inputs,
    "jitter": check_jitter,
    "disk": check_disk,
    "clock": check_clock,
}


def examine(names: tuple[Name, ...] = (), *, before: Callable[[str], None] = lambda name: None) -> Iterator[Finding]:
    """Run the named checks (all by default) and yield what each finds.

    Args:
        before: called with a check's name as it starts.
    """
    for name in names or tuple(CHECKS):
        check = CHECKS[name]
        before(name)
        yield from check()
