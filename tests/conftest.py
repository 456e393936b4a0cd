"""Set before anything is imported: headless rendering, checked ROS messages, a DDS domain of this run's own."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []


def _claim_domain() -> int:
    """A DDS domain (1 to 101) that no other test run on this machine holds, so that runs never hear each other."""
    for domain in range(1, 102):
        lock = Path(tempfile.gettempdir()) / f"robot_rl_tests_domain_{domain}.lock"
        try:
            handle = lock.open("w")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        _held.append(handle)
        return domain
    raise RuntimeError("no free DDS domain: 101 test runs at once, or the temporary folder is not writable")


os.environ["MUJOCO_GL"] = os.environ.get("MUJOCO_GL", "egl")
os.environ["PYOPENGL_PLATFORM"] = os.environ["MUJOCO_GL"]
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["ROS_DOMAIN_ID"] = str(_claim_domain())
os.environ.setdefault("ROS_LOG_DIR", str(Path(tempfile.gettempdir()) / "robot_rl_tests_ros_log"))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
