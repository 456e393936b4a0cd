"""Training step and chunk time of every head, in CPU milliseconds on one thread, beside LeRobot's diffusion policy.

Shapes: action 7, state 9, 2 observations, horizon 16, batch 64. A training step is loss, gradient, clipping, AdamW
and, on our side alone, the averaged weights. A chunk is one prediction for one observation. The one-step head's chunks
are also timed one by one, from state and with a picture of 84x84. LeRobot is measured between two rounds of ours when
an interpreter that has it is named:

    ROBOT_RL_LEROBOT_PYTHON=<python with lerobot 0.4.4> python benchmarks/policies.py --dims 256,512,1024
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.ema import Ema
from robot_rl.policies.heads import head_config
from robot_rl.spec import Field, Layout, Spec

RESULTS = Path(__file__).parent / "results"
PEER = Path(__file__).parent / "peers" / "lerobot_policies.py"
BATCH, N_OBS, HORIZON, STATE, ACTION = 64, 2, 16, 9, 7
SPEC = Spec(
    "benchmark",
    20.0,
    Layout((Field("state", (STATE,)),)),
    Layout((Field("velocity", (ACTION,), low=(-1,) * ACTION, high=(1,) * ACTION),)),
)


def heads(dims: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """What is measured: generative heads with the U-Net of these widths, and the small ones as they come."""
    unet = {"backbone": "unet", "dims": dims, "condition": 146}  # LeRobot's condition: 128 of time, 2 x 9 of state
    return {
        "diffusion, DDIM 10, U-Net": {"name": "diffusion", **unet},
        "flow, Euler 10, U-Net": {"name": "flow", "sampling_steps": 10, **unet},
        "edm, 3 steps, U-Net": {"name": "edm", **unet},
        "meanflow, 1 step, U-Net": {"name": "meanflow", **unet},
        "diffusion, DDIM 10, transformer": {"name": "diffusion", "backbone": "transformer", "depth": 4},
        "flow, Euler 8, MLP": {"name": "flow"},
        "act": {"name": "act"},
        "gmm_rnn": {"name": "gmm_rnn"},
        "gaussian": {"name": "gaussian"},
    }


def least(f: Callable[[], object], repeats: int) -> float:
    """CPU milliseconds of the quickest of some calls, after one that does not count."""
    f()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        f()
        times.append(time.process_time() - start)
    return min(times) * 1e3


def measure(head: dict[str, Any], repeats: int) -> dict[str, float]:
    """Our figures for one head."""
    torch.manual_seed(0)
    config = PolicyConfig(n_obs=N_OBS, horizon=HORIZON, head=head_config(head))
    policy = ChunkPolicy(SPEC, SPEC.observation, config).train()
    parameters = list(policy.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6, fused=True)
    averages = Ema(parameters)
    batch = {
        "state": torch.randn(BATCH, N_OBS, STATE),
        "action": torch.randn(BATCH, HORIZON, ACTION).clamp(-1, 1),
        "action_mask": torch.ones(BATCH, HORIZON, dtype=torch.bool),
    }

    def update() -> None:
        loss = policy.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 10.0)
        optimizer.step()
        averages.update(parameters, 1)

    train = least(update, repeats)
    policy.eval()
    observation = {"state": np.zeros((N_OBS, STATE))}
    chunk = least(lambda: policy.predict(observation), 3 * repeats)
    return {"parameters": sum(p.numel() for p in parameters), "train_ms": train, "chunk_ms": chunk}


def latency(head: dict[str, Any], picture: int, calls: int) -> dict[str, float]:
    """Median and 99 % quantile of the CPU time of a chunk [ms]; with a picture of that size where it is not 0."""
    torch.manual_seed(0)
    fields = [*SPEC.observation.values()]
    observation: dict[str, NDArray[Any]] = {"state": np.zeros((N_OBS, STATE))}
    if picture:
        fields.append(Field("front", (picture, picture, 3), kind="image", dtype="uint8"))
        observation["front"] = np.zeros((N_OBS, picture, picture, 3), np.uint8)
    config = PolicyConfig(n_obs=N_OBS, horizon=HORIZON, head=head_config(head))
    policy = ChunkPolicy(SPEC, Layout(tuple(fields)), config).eval()
    times = []
    for _ in range(calls + 5):
        start = time.process_time()
        policy.predict(observation)
        times.append(1e3 * (time.process_time() - start))
    p50, p99 = np.quantile(times[5:], (0.5, 0.99))
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def peer(dims: tuple[int, ...], repeats: int) -> dict[str, Any] | None:
    """LeRobot's figures, or None where no interpreter with it is named."""
    python = os.environ.get("ROBOT_RL_LEROBOT_PYTHON")
    if not python:
        return None
    command = [python, str(PEER), ",".join(map(str, dims)), str(repeats)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    return dict(json.loads(out.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dims", default="64,128,256", help="channels of the U-Net")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--calls", type=int, default=300, help="chunks of which the 99 %% quantile is taken")
    options = parser.parse_args()
    dims = tuple(int(d) for d in options.dims.split(","))
    torch.set_num_threads(1)

    first = "diffusion, DDIM 10, U-Net"
    ours = {first: measure(heads(dims)[first], options.repeats)}
    lerobot = peer(dims, options.repeats)
    for name, head in heads(dims).items():
        again = measure(head, options.repeats)
        before = ours.get(name, again)
        ours[name] = {k: min(v, before[k]) for k, v in again.items()}
        print(f"{name:34s}{again['parameters'] / 1e6:7.1f} M  train {ours[name]['train_ms']:8.1f} ms", end="")
        print(f"  chunk {ours[name]['chunk_ms']:8.2f} ms", flush=True)
    one_step = heads(dims)["meanflow, 1 step, U-Net"]
    chunks = {
        "one step, state": latency(one_step, 0, options.calls),
        "one step, state and 84x84": latency(one_step, 84, options.calls),
    }
    for name, row in chunks.items():
        print(f"{name:34s}chunk p50 {row['p50_ms']:6.2f} ms  p99 {row['p99_ms']:6.2f} ms")
    document = {"dims": dims, "torch": torch.__version__, "machine": platform.machine(), "ours": ours, "chunks": chunks}
    if lerobot:
        print(f"{'LeRobot diffusion, DDIM 10, U-Net':34s}{lerobot['parameters'] / 1e6:7.1f} M  ", end="")
        print(f"train {lerobot['train_ms']:8.1f} ms  chunk {lerobot['chunk_ms']:8.2f} ms")
        ratios = {
            "train, diffusion against LeRobot": ours[first]["train_ms"] / lerobot["train_ms"],
            "chunk, diffusion against LeRobot": ours[first]["chunk_ms"] / lerobot["chunk_ms"],
            "chunk, LeRobot against one step": lerobot["chunk_ms"] / ours["meanflow, 1 step, U-Net"]["chunk_ms"],
        }
        for label, ratio in ratios.items():
            print(f"{label:34s}{ratio:7.2f}")
        document |= {"lerobot": lerobot, "ratios": ratios}
    file = RESULTS / f"policies_{'_'.join(map(str, dims))}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
