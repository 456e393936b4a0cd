"""A temporary workspace: two robots described for the benchmark, numbered videos and a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from robot_rl import workspace
from robot_rl.hardware.config import RobotConfig, load
from ros_graph import coded_video

RATE = 100.0
"""Of the control loop [Hz]."""
LOOP_ROBOT, CAMERA_ROBOT = "bench_loop", "bench_cameras"
NEVER = 10**7
"""A horizon that no run reaches [steps]."""


def make(folder: Path, frames: int) -> Path:
    """Fill `folder` with two robots and their videos of `frames` pictures. Returns the checkpoint's folder."""
    source = workspace.find("hardware", "sim_crazyflie", "robot.yaml")
    if source is None:
        raise FileNotFoundError("hardware/sim_crazyflie/robot.yaml: the benchmark flies it")
    description = yaml.safe_load(source.read_text()) | {"rate": RATE}
    description["task"] |= {"horizon": NEVER, "success_hold": NEVER}
    rendered = {
        name: {"driver": "mujoco", "width": 128, "height": 128, "fps": 30, "options": {"camera": name}}
        for name in ("front", "chase")
    }
    flown = _write(folder, LOOP_ROBOT, description | {"cameras": rendered})
    played = {}
    for name in ("left", "right"):
        video = folder / f"{name}.avi"
        coded_video.write(video, frames)
        size = {"width": coded_video.WIDTH, "height": coded_video.HEIGHT, "fps": coded_video.FPS}
        played[name] = {"driver": "opencv", **size, "options": {"source": str(video)}}
    _write(folder, CAMERA_ROBOT, description | {"cameras": played})
    return _checkpoint(folder / "checkpoint", load(str(flown)))


def _write(folder: Path, name: str, description: dict[str, Any]) -> Path:
    path = folder / "hardware" / name / "robot.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(description))
    return path


def _checkpoint(folder: Path, config: RobotConfig) -> Path:
    """A flow-matching policy with random weights that looks at state and one camera and plans afresh in each step.

    Its actions are scaled to a few centimetres a second, so that the quadrotor hovers about.
    """
    import numpy as np
    import torch

    from robot_rl.policies import checkpoint
    from robot_rl.policies.chunk_policy import ChunkPolicy
    from robot_rl.policies.config import PolicyConfig
    from robot_rl.policies.encoders import EncoderConfig
    from robot_rl.policies.flow import FlowConfig
    from robot_rl.policies.normalization import Statistics
    from robot_rl.spec import Field, Layout

    camera = config.cameras["front"]
    state = [config.spec.observation[name] for name in ("pose", "twist", "goal")]
    picture = Field("front", (camera.height, camera.width, 3), kind="image", dtype="uint8", rate=camera.fps)
    inputs = Layout((*state, picture))
    rng = np.random.default_rng(0)
    statistics = {f.name: Statistics.of(rng.uniform(-1.0, 1.0, (100, f.size))) for f in state}
    statistics["action"] = Statistics.of(rng.uniform(-0.05, 0.05, (100, config.spec.action.size)))
    torch.manual_seed(0)
    policy = ChunkPolicy(
        config.spec,
        inputs,
        PolicyConfig(
            observation=tuple(inputs),
            n_obs=1,
            horizon=8,
            n_action_steps=1,
            encoder=EncoderConfig(width=64, channels=(8, 16, 16), keypoints=16),
            head=FlowConfig(width=64, depth=2, sampling_steps=1),
        ),
        statistics,
    )
    return checkpoint.save(folder, policy, statistics)
