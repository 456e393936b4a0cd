"""LeRobot's SAC on the shapes of benchmarks/online.py; run by its own interpreter, prints CPU seconds as JSON.

An update is what its learner does at UTD 2: two steps of the critics (and of the gripper's, where there is one), one
of actor and temperature, with its own replay's batches.

<python with lerobot 0.4.4> benchmarks/peers/lerobot_sac.py state|trained|cached 3
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from importlib.metadata import version
from typing import Any

import torch

OPERATORS = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):  # where torchvision's compiled part is missing, its Python still wants these two
    with contextlib.suppress(RuntimeError):
        OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature  # noqa: E402
from lerobot.policies.sac.configuration_sac import SACConfig  # noqa: E402
from lerobot.policies.sac.modeling_sac import SACPolicy  # noqa: E402
from lerobot.rl.buffer import ReplayBuffer  # noqa: E402

BATCH, UTD, STATE, ARM, SIDE, ROWS = 256, 2, 9, 6, 128, 300
CAMERAS = ("observation.images.front", "observation.images.wrist")


def make_policy(kind: str) -> Any:
    """Two critics of 256 x 2; with pictures, a gripper of three choices, as its HIL-SERL example has it."""
    inputs = {"observation.state": PolicyFeature(FeatureType.STATE, (STATE,))}
    pictures = kind != "state"
    if pictures:
        inputs |= {n: PolicyFeature(FeatureType.VISUAL, (3, SIDE, SIDE)) for n in CAMERAS}
    config = SACConfig(
        input_features=inputs,
        output_features={"action": PolicyFeature(FeatureType.ACTION, (ARM if pictures else ARM + 1,))},
        normalization_mapping=dict.fromkeys(("STATE", "VISUAL", "ENV", "ACTION"), NormalizationMode.IDENTITY),
        num_critics=2,
        num_discrete_actions=3 if pictures else None,
        freeze_vision_encoder=kind == "cached",
        use_torch_compile=False,
        device="cpu",
    )
    return SACPolicy(config).train()


def fill(policy: Any) -> Any:
    """A replay of random steps."""
    names = list(policy.config.input_features)
    replay = ReplayBuffer(ROWS + 1, "cpu", names, storage_device="cpu", use_drq=len(names) > 1, optimize_memory=True)
    discrete = policy.config.num_discrete_actions is not None
    for _ in range(ROWS):
        seen = {n: torch.rand(1, *policy.config.input_features[n].shape) for n in names}
        action = torch.rand(1, ARM + 1) * 2 - 1
        if discrete:
            action[:, -1] = torch.randint(3, (1,))
        more = {"discrete_penalty": torch.zeros(1)} if discrete else None
        replay.add(seen, action, 0.0, seen, False, False, more)
    return replay


def optimizers(policy: Any) -> dict[str, Any]:
    groups = policy.get_optim_params()
    out = {"actor": groups["actor"], "critic": list(groups["critic"]), "temperature": [groups["temperature"]]}
    if "discrete_critic" in groups:
        out["discrete_critic"] = list(groups["discrete_critic"])
    return {n: torch.optim.Adam([p for p in g if p.requires_grad], lr=3e-4) for n, g in out.items()}


def step(policy: Any, optimizer: Any, batch: dict[str, Any], model: str) -> None:
    loss = policy.forward(batch, model=model)[f"loss_{model}"]
    optimizer.zero_grad()
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, policy.config.grad_clip_norm)
    optimizer.step()


def update(policy: Any, replay: Any, steps: dict[str, Any]) -> None:
    for _ in range(UTD):
        batch = replay.sample(BATCH)
        if policy.config.freeze_vision_encoder and policy.config.image_features:
            with torch.no_grad():
                for key, field in (("observation_feature", "state"), ("next_observation_feature", "next_state")):
                    batch[key] = policy.actor.encoder.get_cached_image_features(batch[field])
        step(policy, steps["critic"], batch, "critic")
        if "discrete_critic" in steps:
            step(policy, steps["discrete_critic"], batch, "discrete_critic")
        policy.update_target_networks()
    step(policy, steps["actor"], batch, "actor")
    step(policy, steps["temperature"], batch, "temperature")


def main(kind: str, repeats: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    policy = make_policy(kind)
    replay, steps = fill(policy), optimizers(policy)
    times = []
    for i in range(repeats + (kind == "state")):
        start = time.process_time()
        update(policy, replay, steps)
        if i or kind != "state":
            times.append(time.process_time() - start)
    parameters = sum(p.numel() for p in policy.parameters())
    print(json.dumps({"seconds": times, "parameters": parameters, "version": version("lerobot")}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
