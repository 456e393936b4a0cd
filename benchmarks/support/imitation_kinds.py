"""What benchmarks/imitation.py compares: tasks, our heads, peers' policies with networks of about their size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from robot_rl.policies.auxiliary import AuxiliaryConfig


@dataclass(frozen=True)
class Task:
    """A simulated robot, what the policies see of it, and how much was demonstrated."""

    robot: str
    scene: tuple[str, ...]
    demonstrations: int
    budget: float
    """Of training a run [CPU s]."""
    trials: int
    own: tuple[str, ...] = ("ee_pose", "gripper_position")
    """The robot's own state."""
    cameras: tuple[str, ...] = ()
    """What the policies see pictures of."""


TASKS = {
    "lift": Task("sim_lift", ("object_pose",), 20, 40.0, 200),
    "square": Task("sim_square", ("object_pose", "goal_pose"), 100, 60.0, 200),
    "can": Task("sim_can", ("object_pose", "goal_pose"), 60, 60.0, 200),
    "pusht": Task("sim_pusht", ("block_corners",), 60, 60.0, 50, ("finger",)),
    "lift, pictures": Task("sim_lift", (), 60, 300.0, 50, cameras=("front", "wrist")),
    "can, pictures": Task("sim_can", (), 60, 600.0, 50, cameras=("front", "wrist")),
    "square, pictures": Task("sim_square", (), 100, 2400.0, 50, cameras=("front", "wrist")),
}
TaskName = Literal["lift", "square", "can", "pusht", "lift, pictures", "can, pictures", "square, pictures"]
SIDE = 84
"""Of a picture that the policies get [pixels]."""


@dataclass(frozen=True)
class Kind:
    """One way to imitate."""

    side: Literal["ours", "lerobot", "robomimic"] = "ours"
    what: str = ""
    """Ours: the head, with the options of its recipe for Lift; theirs: the policy."""
    options: dict[str, Any] = field(default_factory=dict)
    """Ours: of the head, over the recipe's."""
    batch: int = 256
    sampled: dict[str, Any] = field(default_factory=dict)
    """Ours: options of the head that hold in evaluation, for a variant that differs in sampling alone."""
    trained_as: str = ""
    """Ours: the kind whose weights it takes."""
    encoder: dict[str, Any] = field(default_factory=dict)
    """Ours: how it sees, of tasks with pictures."""
    policy: dict[str, Any] = field(default_factory=dict)
    """Ours: options of the policy, over the recipe's."""
    samples: int = 1
    """Ours: chunks that are drawn each time, of which the one most like the demonstrations is played."""
    counterpart: str = ""
    """Ours: the kind of the peer that does the same with the same kind of network. Heads on the MLP have none: beside
    a U-Net they would measure the network."""
    beside: str = ""
    """Ours: the kind of many steps that this one of few is to come near."""
    over: str = ""
    """Ours: the kind that this one is meant to improve on."""


UNET = {"down_dims": [16, 32, 64], "n_groups": 8, "diffusion_step_embed_dim": 32}
WIDE = {"down_dims": [64, 128, 256]}
"""More weights than the others have: channels as few as those of the same size starve a U-Net, theirs and ours."""
DDIM = {"noise_scheduler_type": "DDIM", "num_inference_steps": 10}
ACT = {"chunk_size": 16, "n_action_steps": 8, "dim_model": 64, "n_heads": 4, "dim_feedforward": 256}
ACT |= {"n_encoder_layers": 2, "n_decoder_layers": 2, "n_vae_encoder_layers": 2}
FAST = {"optimizer_lr": 1e-3}
"""The learning rate of our recipes; the peers' own are meant for a hundred times as many steps. It was chosen for our
networks, not for theirs."""

SMALL_CNN = {"vision_backbone": "resnet_small"}
"""Convolutions of our `cnn` backbone's shape where LeRobot has a ResNet."""
CNN = {"backbone": "cnn", "image_size": SIDE, "crop": 0.9}
FROZEN = {"backbone": "efficientnet_lite0", "frozen": True, "stride": 16, "image_size": SIDE}
ONE = {"n_obs": 1}
"""As our recipes for pictures, and LeRobot's ACT."""
CROPPED = {"crop_shape": (76, 76)}

TEN = "flow, 10 steps"

KINDS = {
    TEN: Kind(what="flow", options={"sampling_steps": 10}),
    "LeRobot diffusion, lr 1e-3": Kind("lerobot", "diffusion", UNET | DDIM | FAST, 64),
    "diffusion, DDIM 10": Kind(what="diffusion"),
    "diffusion, DDIM 10, learning the noise": Kind(what="diffusion", options={"prediction": "noise"}),
    "diffusion, DDIM 10, U-Net": Kind(
        what="diffusion",
        options={"backbone": "unet", "dims": (16, 32, 64), "prediction": "noise"},
        batch=64,
        counterpart="LeRobot diffusion, lr 1e-3",
    ),
    "act": Kind(what="act", batch=64, counterpart="LeRobot ACT, lr 1e-3"),
    "LeRobot ACT, lr 1e-3": Kind("lerobot", "act", ACT | FAST, 64),
    "gmm_rnn": Kind(what="gmm_rnn", batch=64, counterpart="robomimic BC-RNN, lr 1e-3"),
    "robomimic BC-RNN, lr 1e-3": Kind("robomimic", "bc_rnn", {"hidden": 160, "lr": 1e-3}, 100),
    "meanflow, 1 step": Kind(what="meanflow", beside=TEN),
    "edm, 3 steps": Kind(what="edm", options={"sampling_steps": 3}, beside=TEN),
    "gaussian": Kind(what="gaussian"),
    "flow, 3 steps": Kind(what="flow", sampled={"sampling_steps": 3}, trained_as=TEN, beside=TEN),
    "flow, 1 step": Kind(what="flow", sampled={"sampling_steps": 1}, trained_as=TEN, beside=TEN),
    "edm, 10 steps": Kind(what="edm", sampled={"sampling_steps": 10}, trained_as="edm, 3 steps", over="edm, 3 steps"),
    "flow, 10 steps, best of 16": Kind(what="flow", trained_as=TEN, samples=16, over=TEN),
    "flow, 10 steps, dispersive 0.25": Kind(what="flow", options={"sampling_steps": 10, "dispersive": 0.25}, over=TEN),
    "flow, 10 steps, future latents 0.1": Kind(
        what="flow", options={"sampling_steps": 10}, policy={"auxiliary": AuxiliaryConfig(latents=0.1)}, over=TEN
    ),
    "joint, 10 steps": Kind(what="joint", options={"sampling_steps": 10}, over=TEN),
    "carp": Kind(what="carp", batch=64),
    "LeRobot diffusion, lr 1e-3, wider": Kind("lerobot", "diffusion", UNET | WIDE | DDIM | FAST, 64),
    "LeRobot ACT, lr 3e-4": Kind("lerobot", "act", ACT | {"optimizer_lr": 3e-4}, 64),
    "LeRobot diffusion, preset": Kind("lerobot", "diffusion", UNET | DDIM, 64),
    "LeRobot ACT, preset": Kind("lerobot", "act", ACT, 64),
    "robomimic BC-RNN, preset": Kind("robomimic", "bc_rnn", {"hidden": 160, "lr": 1e-4}, 100),
}
PICTURE_KINDS = {
    "flow, 10 steps, cnn": Kind(what="flow", options={"sampling_steps": 10}, batch=64, encoder=CNN, policy=ONE),
    "flow, 10 steps, frozen EfficientNet": Kind(
        what="flow", options={"sampling_steps": 10}, batch=64, encoder=FROZEN, policy=ONE
    ),
    "act, cnn": Kind(what="act", batch=64, encoder=CNN, policy=ONE, counterpart="LeRobot ACT, small CNN"),
    "LeRobot ACT, small CNN": Kind("lerobot", "act", ACT | FAST | SMALL_CNN | {"optimizer_lr_backbone": 1e-3}, 64),
    "LeRobot ACT, ResNet-18": Kind("lerobot", "act", ACT | FAST | {"optimizer_lr_backbone": 1e-3}, 64),
    "LeRobot diffusion, small CNN, wider": Kind(
        "lerobot", "diffusion", UNET | WIDE | DDIM | FAST | SMALL_CNN | CROPPED, 64
    ),
    "gmm_rnn, cnn": Kind(what="gmm_rnn", batch=64, encoder=CNN, policy=ONE, counterpart="robomimic BC-RNN, small CNN"),
    "robomimic BC-RNN, small CNN": Kind("robomimic", "bc_rnn", {"hidden": 160, "lr": 1e-3}, 16),
    "meanflow, 1 step, cnn": Kind(what="meanflow", batch=64, encoder=CNN, policy=ONE),
}
KINDS |= PICTURE_KINDS


def fits(kind: str, task: str) -> bool:
    """Whether this kind sees what the task shows."""
    return (kind in PICTURE_KINDS) == bool(TASKS[task].cameras)
