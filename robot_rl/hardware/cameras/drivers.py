"""The camera drivers that have a name."""

from __future__ import annotations

DRIVERS: dict[str, str] = {
    "opencv": "robot_rl.hardware.cameras.opencv:OpenCVCamera",
    "realsense": "robot_rl.hardware.cameras.realsense:RealSenseCamera",
    "mujoco": "robot_rl.sim.camera:MujocoCamera",
}
"""Driver name to `module:Class`, imported when a camera is made."""
