"""CPU milliseconds of choosing among K chunks against taking one, on one thread: encoder once, heads in one batch.

Shapes as in `policies.py`: action 7, state 9, 2 observations, horizon 16. The verifier is an untrained coin-flip
network of its default size, which costs what a trained one does.

    python benchmarks/test_time.py --samples 16
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.heads import head_config
from robot_rl.policies.verifier_counts import CountConfig, CountVerifier
from robot_rl.spec import Field, Layout, Spec

RESULTS = Path(__file__).parent / "results"
N_OBS, HORIZON, STATE, ACTION = 2, 16, 9, 7
SPEC = Spec(
    "benchmark",
    20.0,
    Layout((Field("state", (STATE,)),)),
    Layout((Field("velocity", (ACTION,), low=(-1,) * ACTION, high=(1,) * ACTION),)),
)
HEADS: dict[str, dict[str, Any]] = {
    "flow, Euler 8, MLP": {"name": "flow"},
    "meanflow, 1 step, MLP": {"name": "meanflow"},
    "flow, Euler 8, transformer": {"name": "flow", "backbone": "transformer", "width": 128},
    "meanflow, 1 step, U-Net 128/256/512": {"name": "meanflow", "backbone": "unet"},
    "flow, Euler 8, U-Net 128/256/512": {"name": "flow", "backbone": "unet"},
}


def measure(head: dict[str, Any], samples: int, repeats: int) -> dict[str, float]:
    """Milliseconds of a chunk without and with a choice, the least of `repeats`, taken in turns."""
    torch.manual_seed(0)
    policy = ChunkPolicy(SPEC, SPEC.observation, PolicyConfig(n_obs=N_OBS, horizon=HORIZON, head=head_config(head)))
    policy.eval()
    verifier = CountVerifier(policy.encoder.width, HORIZON * ACTION, CountConfig()).eval()
    policy.verify_with(verifier.requires_grad_(False))
    observation = {"state": np.zeros((N_OBS, STATE))}
    best = {1: np.inf, samples: np.inf}
    for _ in range(repeats + 1):
        for k in best:
            policy.choose_among(k)
            start = time.process_time()
            policy.predict(observation)
            best[k] = min(best[k], time.process_time() - start)
    one, several = 1e3 * best[1], 1e3 * best[samples]
    return {"one_ms": one, "several_ms": several, "ratio": several / one}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = {name: measure(head, options.samples, options.repeats) for name, head in HEADS.items()}
    for name, row in rows.items():
        print(
            f"{name:40} 1: {row['one_ms']:7.2f} ms  {options.samples}: {row['several_ms']:7.2f} ms  {row['ratio']:.2f}x"
        )
    result = {
        "samples": options.samples,
        "rows": rows,
        "torch": torch.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "test_time.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
