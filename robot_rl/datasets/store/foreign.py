"""What a folder or file that is no data set may be instead, and the command that makes one of it."""

from __future__ import annotations

from pathlib import Path


def foreign(path: Path) -> str | None:
    """What another project's data set is called, by the files it has; None when it is none that is known."""
    if path.is_file():
        if path.suffix in (".hdf5", ".h5"):
            return "an HDF5 file (robomimic?)"
        if path.suffix in (".mcap", ".db3", ".bag"):
            return "a ROS bag"
        return "a zipped Zarr store (diffusion_policy?)" if path.name.endswith(".zarr.zip") else None
    known = (
        ("meta/info.json", "a LeRobotDataset"),
        ("meta/episode_ends", "a diffusion_policy replay buffer"),
        ("data/main_data.hdf5", "a Minari data set"),
        ("metadata.yaml", "a ROS bag"),
    )
    for file, kind in known:
        if (path / file).exists():
            return kind
    if next(path.glob("*.mcap"), None) is not None:
        return "a ROS bag"
    return "a Zarr v2 store" if (path / ".zgroup").is_file() else None


def convert_command(path: Path, kind: str) -> str:
    """The command that makes a robot_rl data set of it."""
    formats = {
        "LeRobot": "lerobot",
        "robomimic": "robomimic",
        "diffusion_policy": "diffusion-policy",
        "Minari": "minari",
        "ROS": "rosbag",
    }
    name = next((option for word, option in formats.items() if word in kind), None)
    if name is None:
        return "robot-rl convert --help lists what can be imported"
    return f"robot-rl convert {path} NEW_NAME --from {name}"
