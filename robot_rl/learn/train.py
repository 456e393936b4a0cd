"""Offline training of a chunk policy: the loop, its curves, checkpoints, and stopping for good reason."""

from __future__ import annotations

import logging
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import yaml
from tqdm import tqdm

from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.curves import Curves
from robot_rl.learn.data import TrainingData, load_data
from robot_rl.learn.interrupt import deferred_interrupt
from robot_rl.learn.trainer import STATE, Trainer, learning_rate
from robot_rl.policies import checkpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """What a finished run leaves behind."""

    directory: Path
    """train.yaml, curves.json, tensorboard/ and checkpoint/ lie here."""
    checkpoint: Path
    """What `checkpoint.load` and the policy node take."""
    steps: int
    seconds: float
    """Wall time spent in the loop, all sittings together."""
    loss: float
    """Mean training loss over the last log interval."""
    holdout_loss: float | None
    episodes: int
    windows: int


class Divergence:
    """Watches the loss: stops a run whose loss is not finite or far above its best.

    Args:
        factor: how many times its best the smoothed loss may reach.
        warmup: updates before the comparison begins.
    """

    def __init__(self, factor: float, warmup: int, smoothing: float = 0.98) -> None:
        self.factor, self.warmup, self.smoothing = factor, warmup, smoothing
        self.smoothed = math.nan
        self.best, self.best_step = math.inf, 0

    def check(self, step: int, loss: float, norm: float) -> None:
        """Take in one update's loss and gradient norm. Raises TrainingError when the run has diverged."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(f"training diverged at step {step}: loss {loss}, gradient norm {norm}")
        first = math.isnan(self.smoothed)
        self.smoothed = loss if first else self.smoothing * self.smoothed + (1 - self.smoothing) * loss
        if step < self.warmup:
            return
        if self.smoothed < self.best:
            self.best, self.best_step = self.smoothed, step
        elif self.smoothed > self.factor * self.best:
            raise TrainingError(
                f"training diverged: at step {step} the smoothed loss is {self.smoothed:.3g}, more than "
                f"{self.factor:g} times its best, {self.best:.3g}; it began to rise after step {self.best_step}"
            )


def train(config: TrainConfig, *, progress: bool = True) -> TrainResult:
    """Train a policy; continues an interrupted run if `config.output` holds one.

    On Ctrl-C the state is saved and KeyboardInterrupt raised; the same call goes on from there, and ends with
    the very weights that an uninterrupted run would have reached.

    Raises:
        TrainingError: the data or configuration do not hold, or the loss diverged (the last good checkpoint stays).
        DatasetError: the data cannot be read.
    """
    torch.set_num_threads(config.threads)
    device = checkpoint.torch_device(config.device)
    directory = config.directory()
    data = load_data(config, device)
    trainer = Trainer(config, data, device)
    run = _Run(config, data, trainer, directory)
    log.info("%d windows of %d episodes; run in %s", len(data.train), data.identity["episodes"], directory)
    bar = tqdm(total=config.steps, initial=trainer.step, desc="train", unit="step", disable=None if progress else True)
    try:
        with deferred_interrupt() as interrupted, bar:
            while trainer.step < config.steps:
                loss, norm = trainer.update()
                run.account(loss, norm)
                bar.update()
                if trainer.step % config.log_every == 0:
                    bar.set_postfix(loss=f"{run.log():.4f}", refresh=False)
                if trainer.step % config.save_every == 0 and trainer.step < config.steps:
                    run.save()
                if interrupted.is_set():
                    run.save_state()
                    log.warning("interrupted at step %d; continue with --output %s", trainer.step, directory)
                    raise KeyboardInterrupt
    finally:
        run.curves.close()
    return run.finish()


class _Run:
    """The files of a run and the running figures."""

    def __init__(self, config: TrainConfig, data: TrainingData, trainer: Trainer, directory: Path) -> None:
        self.config, self.data, self.trainer, self.directory = config, data, trainer, directory
        self.watch = Divergence(config.divergence, config.warmup)
        self.seconds, self._since = 0.0, time.monotonic()
        self.sums, self.counted = [0.0, 0.0], 0
        self.loss = math.nan
        directory.mkdir(parents=True, exist_ok=True)
        series = None
        if (directory / STATE / f"{STATE}.json").is_file():
            document = trainer.restore(directory / STATE)
            series, self.seconds = document["curves"], document["seconds"]
            self.sums, self.counted = document["sums"], document["counted"]
            self.watch.__dict__ |= document["watch"]
            if series.get("loss"):
                self.loss = series["loss"][-1][1]
            log.info("going on from step %d", trainer.step)
        elif (directory / "checkpoint").exists():
            raise TrainingError(f"{directory} holds a finished run; choose another output, or delete that directory")
        (directory / "train.yaml").write_text(yaml.safe_dump(config.to_dict(), sort_keys=False))
        self.curves = Curves(directory, series)

    def account(self, loss: float, norm: float) -> None:
        try:
            self.watch.check(self.trainer.step, loss, norm)
        except TrainingError as error:
            kept = self.directory / "checkpoint"
            where = f"the checkpoint in {kept} is from before" if kept.exists() else "no checkpoint was saved yet"
            raise TrainingError(f"{error}. {where.capitalize()}. Lower lr, or look at the data.") from None
        self.sums = [self.sums[0] + loss, self.sums[1] + norm]
        self.counted += 1

    def log(self) -> float:
        """Add the means since the last call to the curves; returns the mean loss."""
        if self.counted:
            self.loss = self.sums[0] / self.counted
            rate = learning_rate(self.trainer.step - 1, self.config)
            norm = self.sums[1] / self.counted
            self.curves.add(self.trainer.step, loss=self.loss, gradient_norm=norm, learning_rate=rate)
            self.sums, self.counted = [0.0, 0.0], 0
        return self.loss

    def save(self) -> float | None:
        """Checkpoint the averaged weights and the run's state; returns the held-out loss."""
        self.log()
        policy = self.trainer.averaged()
        holdout = self.trainer.holdout_loss(policy)
        if holdout is not None:
            self.curves.add(self.trainer.step, holdout_loss=holdout)
        checkpoint.save(
            self.directory / "checkpoint",
            policy,
            self.data.statistics,
            dataset=self.data.identity,
            training={
                "config": self.config.to_dict(),
                "step": self.trainer.step,
                "loss": self.loss,
                "holdout_loss": holdout,
                "seconds": self._elapsed(),
            },
        )
        self.save_state()
        self.curves.save()
        return holdout

    def save_state(self) -> None:
        watch = {k: getattr(self.watch, k) for k in ("smoothed", "best", "best_step")}
        figures = {"curves": self.curves.series, "seconds": self._elapsed(), "watch": watch}
        self.trainer.save(self.directory / STATE, {**figures, "sums": self.sums, "counted": self.counted})

    def finish(self) -> TrainResult:
        """The last checkpoint; the state is no longer needed."""
        holdout = self.save()
        shutil.rmtree(self.directory / STATE)
        result = TrainResult(
            directory=self.directory,
            checkpoint=self.directory / "checkpoint",
            steps=self.trainer.step,
            seconds=self._elapsed(),
            loss=self.loss,
            holdout_loss=holdout,
            episodes=self.data.identity["episodes"],
            windows=len(self.data.train),
        )
        log.info("trained: %s", asdict(result))
        return result

    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self._since
