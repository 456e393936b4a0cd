"""Ends a node when the launcher that started it dies, where that launcher does not see to it: `ros2 launch`."""

from __future__ import annotations

import ctypes
import os
import signal

VARIABLE = "ROBOT_RL_END_WITH_PARENT"
"""Set by the launch description. `robot-rl launch` removes it: its guard process does the job, for groups too."""

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, if `VARIABLE` says so; see prctl(2), PR_SET_PDEATHSIG.

    The setting survives exec, not fork. Without it, SIGTERM or SIGKILL to `ros2 launch` leaves its nodes running.
    """
    if os.environ.get(VARIABLE) == "true":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
