"""What representation extras are worth at equal compute: held-out error of chunks after as many CPU seconds.

Every variant trains on the same episodes for the same CPU time on one thread, its learning
rate schedule over the steps that fit. Then each samples one chunk for the same held-out windows; the error is
the mean distance to the demonstrated action over real steps, in units of half the action's range.

    python benchmarks/representations.py --dataset datasets/lift --seconds 20 --seeds 0 1
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from support.results import Row, rounded, save, versions

from robot_rl.learn.config import TrainConfig, load
from robot_rl.learn.data import load_data, tensors
from robot_rl.learn.trainer import Trainer
from robot_rl.policies.auxiliary import AuxiliaryConfig
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.joint import JointConfig

VARIANTS: dict[str, dict[str, Any]] = {
    "flow": {},
    "flow, dispersive 0.25": {"head": FlowConfig(dispersive=0.25)},
    "flow, future latents 0.1": {"auxiliary": AuxiliaryConfig(latents=0.1)},
    "joint (actions and latent)": {"head": JointConfig()},
}
WINDOWS = 512
TIMED = 20


def train(config: TrainConfig, seconds: float) -> tuple[Trainer, int]:
    """A trainer after `seconds` of CPU time and the number of its steps."""
    device = torch.device("cpu")
    data = load_data(config, device)
    trial = Trainer(config, data, device)
    trial.update()
    start = time.process_time()
    for _ in range(TIMED):
        trial.update()
    steps = max(round(seconds * TIMED / (time.process_time() - start)), 1)
    data.train.seek(0)
    trainer = Trainer(dataclasses.replace(config, steps=steps, warmup=steps // 10), data, device)
    for _ in range(steps):
        trainer.update()
    data.train.close()
    return trainer, steps


@torch.no_grad()
def error(trainer: Trainer) -> float:
    """Of the averaged policy on held-out windows."""
    windows = trainer.data.holdout
    if windows is None:
        raise SystemExit("no episode is held out")
    policy = trainer.averaged()
    batch = tensors(windows.batch(np.random.default_rng(0).permutation(len(windows))[:WINDOWS]), policy.device)
    sampled = policy.sample(batch, generator=torch.Generator().manual_seed(0))
    half = torch.from_numpy((policy.spec.action.high - policy.spec.action.low) / 2).float()
    return float(((sampled - batch["action"]).abs() / half).mean(-1)[batch["action_mask"]].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--recipe", default="flow_lift")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load(options.recipe)
    rows = []
    for seed in options.seeds:
        for name, changes in VARIANTS.items():
            policy: PolicyConfig = dataclasses.replace(base.policy, **changes)
            config = dataclasses.replace(
                base, dataset=(options.dataset,), policy=policy, seed=seed, holdout=0.2, device="cpu", workers=0
            )
            trainer, steps = train(config, options.seconds)
            note = f"{steps} steps; held-out error in units of half the action's range"
            rows.append(Row(f"{name}, seed {seed}", rounded(error(trainer)), note=note))
    what = f"{options.recipe}, {options.seconds:g} CPU seconds each, seeds {', '.join(map(str, options.seeds))}"
    save("representations", what, rows, versions=versions(["torch"]))


if __name__ == "__main__":
    main()
