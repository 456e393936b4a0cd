"""One node of a name on a machine, in a ROS domain.

Two node graphs in one domain share their topics: an arbiter of one would command the robot of the other, a recorder
would mix the steps of both, and nothing would say so. So a node takes its name before it touches a robot. The kernel
lets go of the name when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from robot_rl.ros.told import give_up_if_told
from robot_rl.runtime.launch import lockfile

PATIENCE = 15.0
"""[s] that the nodes of a graph which was killed a moment ago have to end."""

DOMAINS = 233
"""There are so many ROS domains."""


class NameTakenError(RuntimeError):
    """A node of the same name runs on this machine in the same ROS domain."""


def domains_of(name: str) -> list[int]:
    """The ROS domains in which a node of this fully qualified name runs on this machine."""
    found = []
    for domain in range(DOMAINS):
        file = _file(name, domain)
        if file.exists():
            fd = lockfile.open_lock(file)
            if not lockfile.take(fd):
                found.append(domain)
            os.close(fd)
    return found


def _file(name: str, domain: int) -> Path:
    return Path(tempfile.gettempdir()) / f"robot_rl_{domain}{re.sub(r'[^A-Za-z0-9_]', '-', name)}.lock"


class SoleName:
    """A node's name, held from construction until `release` or the end of the process.

    Args:
        name: fully qualified, with its namespace.
        domain: the ROS domain.
        say: told once that the name is taken and waited for.
        patience: how long to wait for it [s].

    Raises:
        NameTakenError: another process has held it for all that time.
        ToldToEndError: the process is to end.
    """

    def __init__(self, name: str, domain: int, say: Callable[[str], object], patience: float = PATIENCE) -> None:
        self._fd = lockfile.open_lock(_file(name, domain))
        deadline, waited = time.monotonic() + patience, False
        while not lockfile.take(self._fd):
            holder = f"process {pid}" if (pid := os.pread(self._fd, 32, 0).decode().strip()) else "another process"
            if not waited:
                say(f"{holder} is a node {name} in ROS domain {domain} too: waiting for it to end")
            waited = True
            try:
                give_up_if_told()
                if time.monotonic() > deadline:
                    raise NameTakenError(
                        f"{holder} on this machine is a node {name} in ROS domain {domain} too, and both would hear "
                        f"and command the same robot: end that one, or give this graph a domain or a namespace of its "
                        f"own, e.g. export ROS_DOMAIN_ID={domain % 100 + 1}"
                    )
            except BaseException:
                self.release()
                raise
            time.sleep(0.1)
        _write(self._fd, str(os.getpid()))

    def release(self) -> None:
        """Let another node have the name."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _write(fd: int, text: str) -> None:
    """Say who holds it, where the file may be written."""
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR:
        os.ftruncate(fd, 0)
        os.pwrite(fd, text.encode(), 0)
