"""LeRobot's diffusion policy on the shapes of benchmarks/policies.py; run by its own interpreter, prints JSON.

<python with lerobot 0.4.4> benchmarks/peers/lerobot_policies.py 256,512,1024 3
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable

import torch

OPERATORS = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):  # where torchvision's compiled part is missing, its Python still wants these two
    with contextlib.suppress(RuntimeError):
        OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import lerobot  # noqa: E402
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature  # noqa: E402
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig  # noqa: E402
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy  # noqa: E402

BATCH, N_OBS, HORIZON, STATE, ACTION = 64, 2, 16, 9, 7


def least(f: Callable[[], object], repeats: int) -> float:
    """CPU milliseconds of the quickest of some calls, after one that does not count."""
    f()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return min(times) * 1e3


def main(dims: tuple[int, ...], repeats: int) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    # It takes no policy without a picture or an `environment_state`; one of the nine numbers is given as that.
    features = {
        "observation.state": PolicyFeature(FeatureType.STATE, (STATE - 1,)),
        "observation.environment_state": PolicyFeature(FeatureType.ENV, (1,)),
    }
    config = DiffusionConfig(
        input_features=features,
        output_features={"action": PolicyFeature(FeatureType.ACTION, (ACTION,))},
        normalization_mapping=dict.fromkeys(("STATE", "ENV", "ACTION"), NormalizationMode.IDENTITY),
        horizon=HORIZON,
        n_obs_steps=N_OBS,
        down_dims=dims,
        noise_scheduler_type="DDIM",
        num_inference_steps=10,
        device="cpu",
    )
    policy = DiffusionPolicy(config)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6)
    batch = {
        "observation.state": torch.randn(BATCH, N_OBS, STATE - 1),
        "observation.environment_state": torch.randn(BATCH, N_OBS, 1),
        "action": torch.randn(BATCH, HORIZON, ACTION).clamp(-1, 1),
        "action_is_pad": torch.zeros(BATCH, HORIZON, dtype=torch.bool),
    }

    def update() -> None:
        loss, _ = policy.forward(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 10.0)
        optimizer.step()
        optimizer.zero_grad()

    policy.train()
    train = least(update, repeats)
    policy.eval()
    one = {k: v[:1] for k, v in batch.items() if k.startswith("observation")}
    with torch.inference_mode():
        chunk = least(lambda: policy.diffusion.generate_actions(one), 3 * repeats)
    parameters = sum(p.numel() for p in policy.parameters())
    print(json.dumps({"version": lerobot.__version__, "parameters": parameters, "train_ms": train, "chunk_ms": chunk}))


if __name__ == "__main__":
    main(tuple(int(d) for d in sys.argv[1].split(",")), int(sys.argv[2]))
