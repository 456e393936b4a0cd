"""The state of one training run: weights, optimiser, averages; one update; exact resume.

Whatever is random in a step (the windows, noise, dropout, augmentation) is a function of seed, step and part of the
batch. So a run goes on after a kill exactly as it would have, and two processes with a part each do what one process
does with two parts.
"""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.datasets.sampling.windows import ACTION_MASK
from robot_rl.learn.config import TrainConfig, TrainingError, as_lists
from robot_rl.learn.data import TrainingData, parts_per_process, tensors
from robot_rl.learn.parallel import World
from robot_rl.policies import storage
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.ema import Ema

STATE = "state"
HOLDOUT_WINDOWS = 1024
MOMENTS = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW remembers of a weight."""
FREE = (
    *("output", "dataset", "name", "device", "threads", "workers", "log_every", "save_every", "divergence"),
    *("parts", "precision", "evaluate_processes"),
)
"""Options that do not decide the course of a run, or are compared as what they came to."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """Of the update that follows `step` earlier ones: linear warm-up, then half a cosine down to zero."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


class Trainer:
    """One run. Everything that decides how it goes on is in `save`, so that a resumed run is the same run."""

    def __init__(
        self, config: TrainConfig, data: TrainingData, device: torch.device, world: World | None = None
    ) -> None:
        self.config, self.data, self.device, self.world = config, data, device, world or World()
        self.parts = parts_per_process(config, self.world)
        self.precision = precision(config, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            policy = ChunkPolicy(data.spec, data.inputs, config.policy, data.statistics)
        self.policy = policy.to(device).train()
        self.parameters = [p for p in self.policy.parameters() if p.requires_grad]
        pretrained = {id(p) for p in self.policy.pretrained()}
        groups = [
            {"params": [p for p in self.parameters if (id(p) in pretrained) == known], "share": share}
            for known, share in ((False, 1.0), (True, config.backbone_lr_share))
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.lr, betas=(0.95, 0.999), weight_decay=config.weight_decay, fused=True
        )
        self.ema = Ema(self.parameters, config.ema_power, config.ema_maximum)
        self.step = 0
        self.waited = 0.0
        """Time spent on getting batches [s]."""
        self._loss = torch.compile(self.policy.loss) if config.compile else self.policy.loss
        self._next: dict[str, Tensor] | None = None
        self._agree()

    def update(self) -> tuple[float, float]:
        """One step of stochastic gradient descent; returns the loss and the gradient's norm before clipping."""
        batch = self._fetch() if self._next is None else self._next
        self.optimizer.zero_grad()
        loss = self._gradient(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * learning_rate(self.step, self.config)
        self.optimizer.step()
        self.step += 1
        self.ema.update(self.parameters, self.step)
        self.policy.after_update()
        self._next = self._fetch()  # while a CUDA device still computes; what is asked below waits for it
        return loss.item(), norm.item()

    def averaged(self) -> ChunkPolicy:
        """A copy of the policy with the averaged weights: the one to evaluate and deploy."""
        policy = copy.deepcopy(self.policy).eval()
        self.ema.copy_to(p for p in policy.parameters() if p.requires_grad)
        return policy

    @torch.no_grad()
    def holdout_loss(self, policy: ChunkPolicy) -> float | None:
        """Loss over the held-out episodes, with the same windows, times and noise at every call; None without any."""
        windows = self.data.holdout
        if windows is None:
            return None
        indices = np.random.default_rng(0).permutation(len(windows))[:HOLDOUT_WINDOWS]
        torch.manual_seed(0)
        total = count = 0.0
        for first in range(0, len(indices), self.config.batch):  # no more at once than training takes
            part = tensors(windows.batch(indices[first : first + self.config.batch]), self.device)
            valid = float(part[ACTION_MASK].sum().clamp_min(1))
            total, count = total + valid * policy.loss(part).item(), count + valid
        return total / count

    def save(self, directory: Path, extra: dict[str, Any]) -> None:
        """Write the whole state to `directory`, replacing an older one."""
        state: dict[str, Tensor] = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        for i, (parameter, average) in enumerate(zip(self.parameters, self.ema.averages, strict=True)):
            state |= {f"{i}.average": average}
            state |= {f"{i}.{k}": v for k, v in self.optimizer.state[parameter].items()}
        document = {"step": self.step, "config": self._comparable(), "data": self.data.identity, **extra}
        storage.write(directory, STATE, state, document)

    @torch.no_grad()
    def restore(self, directory: Path) -> dict[str, Any]:
        """Take up the state saved in `directory`; returns the document it was saved with.

        Raises:
            TrainingError: it is damaged, or was made with another configuration or other data.
        """
        try:
            document = storage.read_document(directory, STATE)
            self._check_same(directory, document)
            state = storage.read_tensors(directory, document)
            self.policy.load_state_dict({n: state[f"policy.{n}"] for n in self.policy.state_dict()})
            for i, (parameter, average) in enumerate(zip(self.parameters, self.ema.averages, strict=True)):
                average.copy_(state[f"{i}.average"])
                known = [k for k in MOMENTS if f"{i}.{k}" in state]  # none of a weight that has had no gradient yet
                if known:
                    self.optimizer.state[parameter] = {k: state[f"{i}.{k}"].to(self.device) for k in MOMENTS}
            self.step = int(document["step"])
        except (storage.StorageError, KeyError, RuntimeError) as error:
            if isinstance(error, TrainingError):
                raise
            raise TrainingError(f"{directory}: this run cannot be continued: {error}; use another output") from error
        self.data.train.seek(self.step)
        self._next = None
        return document

    def _fetch(self) -> dict[str, Tensor]:
        begun = time.perf_counter()
        batch = self.data.train.next()
        self.waited += time.perf_counter() - begun
        return batch

    def _gradient(self, batch: dict[str, Tensor]) -> Tensor:
        """Leave the gradient of the mean loss over the valid steps of the whole batch, of all processes; returns it."""
        parts = [{n: v[j :: self.parts] for n, v in batch.items()} for j in range(self.parts)]
        valid = torch.stack([part[ACTION_MASK].sum().clamp_min(1).float() for part in parts])
        shares = valid / self.world.sum(valid.sum())
        total = torch.zeros((), device=self.device)
        for j, (part, share) in enumerate(zip(parts, shares)):
            self._seed(j * self.world.size + self.world.rank)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
                loss = self._loss(part)
            (loss.float() * share).backward()
            total += loss.detach().float() * share
        if self.world.size > 1:
            for parameter in self.parameters:  # a process may have had no use for some, e.g. in another branch
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            self.world.sum_all([total, *(p.grad for p in self.parameters if p.grad is not None)])
            self._agree()
        return total

    def _seed(self, part: int) -> None:
        """Seed what a part of this step's batch draws, on every device."""
        state = np.random.SeedSequence([self.config.seed, self.step, part]).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0] >> np.uint64(1)))

    def _agree(self) -> None:
        """What no gradient changes (running averages inside a policy) is that of the first process."""
        fixed = [p for p in self.policy.parameters() if not p.requires_grad]
        floating = [t for t in (*self.policy.buffers(), *fixed) if t.is_floating_point()]
        self.world.copy_first(floating if self.step else [*floating, *self.parameters])

    def _check_same(self, directory: Path, document: dict[str, Any]) -> None:
        for label, mine, theirs in (
            ("configuration", self._comparable(), document["config"]),
            ("data", self.data.identity, document["data"]),
        ):
            for key in mine:
                if mine[key] != theirs.get(key) and not (key == "contents" and key not in theirs):
                    raise TrainingError(
                        f"{directory.parent}: an unfinished run with another {label} lies there: {key} was "
                        f"{theirs.get(key)}, now {mine[key]}. Use another output, or delete that directory."
                    )

    def _comparable(self) -> dict[str, Any]:
        """The options that decide the course of a run."""
        given = {k: v for k, v in as_lists(self.config.to_dict()).items() if k not in FREE}
        return given | {"parts": self.parts * self.world.size, "precision": self.precision}


def precision(config: TrainConfig, device: torch.device) -> str:
    """`fp32` or `bf16`: what the configuration means on this device."""
    if config.precision != "auto":
        return config.precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
