"""The state of one training run: weights, optimiser, averages and random numbers; one update; exact resume."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.data import TrainingData
from robot_rl.policies import storage
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.ema import Ema

STATE = "state"
HOLDOUT_WINDOWS = 1024


def learning_rate(step: int, config: TrainConfig) -> float:
    """Of the update that follows `step` earlier ones: linear warm-up, then half a cosine down to zero."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class Trainer:
    """One run. Everything that decides how it goes on is in `save`, so that a resumed run is the same run."""

    def __init__(self, config: TrainConfig, data: TrainingData, device: torch.device) -> None:
        self.config, self.data, self.device = config, data, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            policy = ChunkPolicy(data.spec, data.inputs, config.policy, data.statistics)
        self.policy = policy.to(device).train()
        self.parameters = list(self.policy.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.lr, betas=(0.95, 0.999), weight_decay=config.weight_decay, fused=True
        )
        self.ema = Ema(self.parameters, config.ema_power, config.ema_maximum)
        self.sampler = np.random.default_rng(config.seed)
        self.noise = Generator(device).manual_seed(config.seed)
        self.step = 0

    def update(self) -> tuple[float, float]:
        """One step of stochastic gradient descent; returns the loss and the gradient's norm before clipping."""
        batch = self.data.train.sample(self.sampler, self.config.batch)
        loss = self.policy.loss(batch, self.noise)
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizer.param_groups[0]["lr"] = learning_rate(self.step, self.config)
        self.optimizer.step()
        self.step += 1
        self.ema.update(self.parameters, self.step)
        return loss.item(), norm.item()

    def averaged(self) -> ChunkPolicy:
        """A copy of the policy with the averaged weights: the one to evaluate and deploy."""
        policy = copy.deepcopy(self.policy).eval()
        self.ema.copy_to(policy.parameters())
        return policy

    @torch.no_grad()
    def holdout_loss(self, policy: ChunkPolicy) -> float | None:
        """Loss over the held-out episodes, with the same windows, times and noise at every call; None without any."""
        windows = self.data.holdout
        if windows is None:
            return None
        rng = np.random.default_rng(0)
        indices = rng.permutation(len(windows))[:HOLDOUT_WINDOWS]
        return policy.loss(windows.batch(indices), Generator(self.device).manual_seed(0)).item()

    def save(self, directory: Path, extra: dict[str, Any]) -> None:
        """Write the whole state to `directory`, replacing an older one."""
        tensors: dict[str, Tensor] = {"noise": self.noise.get_state()}
        for i, (parameter, average) in enumerate(zip(self.parameters, self.ema.averages, strict=True)):
            tensors |= {f"{i}.parameter": parameter, f"{i}.average": average}
            tensors |= {f"{i}.{k}": v for k, v in self.optimizer.state[parameter].items()}
        document = {
            "step": self.step,
            "config": _comparable(self.config),
            "data": self.data.identity,
            "sampler": self.sampler.bit_generator.state,
            **extra,
        }
        storage.write(directory, STATE, tensors, document)

    @torch.no_grad()
    def restore(self, directory: Path) -> dict[str, Any]:
        """Take up the state saved in `directory`; returns the document it was saved with.

        Raises:
            TrainingError: it is damaged, or was made with another configuration or other data.
        """
        try:
            document = storage.read_document(directory, STATE)
            self._check_same(directory, document)
            tensors = storage.read_tensors(directory, document)
            for i, (parameter, average) in enumerate(zip(self.parameters, self.ema.averages, strict=True)):
                parameter.copy_(tensors[f"{i}.parameter"])
                average.copy_(tensors[f"{i}.average"])
                moments = {k: tensors[f"{i}.{k}"].to(self.device) for k in ("exp_avg", "exp_avg_sq", "step")}
                self.optimizer.state[parameter] = moments
            self.noise.set_state(tensors["noise"])
            self.sampler.bit_generator.state = document["sampler"]
            self.step = int(document["step"])
        except (storage.StorageError, KeyError, RuntimeError) as error:
            if isinstance(error, TrainingError):
                raise
            raise TrainingError(f"{directory}: this run cannot be continued: {error}; use another output") from error
        return document

    def _check_same(self, directory: Path, document: dict[str, Any]) -> None:
        for label, mine, theirs in (
            ("configuration", _comparable(self.config), document["config"]),
            ("data", self.data.identity, document["data"]),
        ):
            for key in mine:
                if mine[key] != theirs.get(key):
                    raise TrainingError(
                        f"{directory.parent}: an unfinished run with another {label} lies there: {key} was "
                        f"{theirs.get(key)}, now {mine[key]}. Use another output, or delete that directory."
                    )


def _comparable(config: TrainConfig) -> dict[str, Any]:
    """The options that decide the course of a run."""
    free = ("output", "dataset", "name", "device", "threads", "log_every", "save_every", "divergence")
    return {k: v for k, v in _plain(config.to_dict()).items() if k not in free}


def _plain(value: Any) -> Any:
    """Tuples to lists, as JSON gives them back."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
