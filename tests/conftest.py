"""Set before anything is imported: headless rendering, checked ROS messages, a DDS domain of this run's own."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from robot_rl.runtime.launch.domain import claim_domain

os.environ["MUJOCO_GL"] = os.environ.get("MUJOCO_GL", "egl")
os.environ["PYOPENGL_PLATFORM"] = os.environ["MUJOCO_GL"]
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["ROS_DOMAIN_ID"] = str(claim_domain())
os.environ.setdefault("ROS_LOG_DIR", str(Path(tempfile.gettempdir()) / "robot_rl_tests_ros_log"))
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# pyrealsense2 imported before rclpy makes the process crash at exit (both bring their own copy of a C++ library).
# The camera node imports rclpy first; so do the tests.
with contextlib.suppress(ImportError):
    import rclpy  # noqa: F401
