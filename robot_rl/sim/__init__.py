"""Simulated robots, cameras, operators and gymnasium environments."""

import os
import sys

# MuJoCo picks its OpenGL platform when it is imported; headless machines need EGL.
if sys.platform == "linux":
    os.environ.setdefault("MUJOCO_GL", "egl")
