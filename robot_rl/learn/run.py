"""The files of one training run: configuration, curves, checkpoints, the state to resume from, the card.

train.yaml      the configuration with every default
curves.json     and tensorboard/: losses, learning rate, success
checkpoint/     the run's result: a policy as `checkpoint.load` takes it
last/           the last checkpoint, where another one is the result
state/          while the run is not finished
selection.json  which checkpoint that is, why, and what was known of the others
README.md       the model card, with curves.svg; report.html shows the same
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from robot_rl.learn.card import write_card
from robot_rl.learn.choice import Candidate, Choice, validation_seeds
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.curves import Curves
from robot_rl.learn.data import TrainingData
from robot_rl.learn.divergence import Divergence
from robot_rl.learn.evaluate import evaluate
from robot_rl.learn.trainer import STATE, Trainer, learning_rate
from robot_rl.policies import checkpoint
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.settings import yaml_text

log = logging.getLogger(__name__)

SELECTION = "selection.json"


@dataclass(frozen=True)
class TrainResult:
    """What a finished run leaves behind."""

    directory: Path
    """train.yaml, curves.json, tensorboard/, checkpoint/ and README.md lie here."""
    checkpoint: Path
    """What `checkpoint.load` and the policy node take."""
    steps: int
    seconds: float
    """Wall time spent in the loop, all sittings together."""
    loss: float
    """Mean training loss over the last log interval."""
    holdout_loss: float | None
    """Of the last checkpoint."""
    episodes: int
    windows: int
    chosen: str
    """Which checkpoint is the result, and why."""
    waiting: float
    """Share of the loop's time in this sitting that went into getting batches."""


def is_finished(directory: Path) -> bool:
    """Whether a run in that folder has come to its end."""
    return (directory / SELECTION).is_file()


class Run:
    """The files of a run and its running figures. In processes other than the first it writes nothing."""

    def __init__(self, config: TrainConfig, data: TrainingData, trainer: Trainer, directory: Path) -> None:
        self.config, self.data, self.trainer, self.directory = config, data, trainer, directory
        self.writes = trainer.world.first
        self.watch = Divergence(config.divergence, config.warmup)
        self.choice = Choice(config.select_checkpoint)
        self.pending = False
        """The run goes on where a checkpoint was about to be judged."""
        self.seconds, self._since = 0.0, time.monotonic()
        self.sums, self.counted = [0.0, 0.0], 0
        self.loss = math.nan
        series = None
        if (directory / STATE / f"{STATE}.json").is_file():
            series = self._restore()
        elif (directory / "checkpoint").exists():
            what = "a finished run" if is_finished(directory) else "a checkpoint, but no state to go on from"
            raise TrainingError(f"{directory} holds {what}; choose another output, or delete that directory")
        self.curves: Curves | None = None
        if self.writes:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "train.yaml").write_text(yaml_text.dump(config.to_dict()))
            self.curves = Curves(directory, series)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.curves is not None:
            self.curves.close()

    def account(self, loss: float, norm: float) -> None:
        """Take in an update. Raises TrainingError when the run has diverged."""
        try:
            self.watch.check(self.trainer.step, loss, norm)
        except TrainingError as error:
            raise TrainingError(f"{error}. {self._kept()}. Lower lr, or look at the data.") from None
        self.sums = [self.sums[0] + loss, self.sums[1] + norm]
        self.counted += 1

    def log(self) -> float:
        """Add the means since the last call to the curves; returns the mean loss."""
        if self.counted:
            self.loss = self.sums[0] / self.counted
            self._add(
                loss=self.loss,
                gradient_norm=self.sums[1] / self.counted,
                learning_rate=learning_rate(self.trainer.step - 1, self.config),
                waiting_for_data=self._waiting(),
            )
            self.sums, self.counted = [0.0, 0.0], 0
        return self.loss

    def due(self) -> bool:
        """Something is to be saved after this step."""
        return self.trainer.step % self.config.save_every == 0 or self._evaluates()

    def save(self) -> float | None:
        """Checkpoint the averaged weights and the run's state; returns the held-out loss."""
        self.log()
        if not self.writes:
            return None
        there = self._has_checkpoint()
        if not there or self._evaluates():  # a checkpoint is never without a state; evaluating takes long
            self.save_state(pending=True)
        policy = self.trainer.averaged()
        holdout = self.trainer.holdout_loss(policy)
        if holdout is not None:
            self._add(holdout_loss=holdout)
        candidate = self._judge(policy, Candidate(self.trainer.step, holdout))
        doubted = there and self.config.select_checkpoint == "last" and self.watch.rising
        if self.choice.consider(candidate, doubted=doubted) or not there:
            self._write("checkpoint", policy, candidate)
            if self.config.select_checkpoint == "last" and (self.directory / "last").exists():
                shutil.rmtree(self.directory / "last")  # of when the loss rose: it has recovered
        elif doubted:
            self._write("last", policy, candidate)  # it may be diverging: the good one stays
        self.pending = False
        self.save_state()
        if self.curves is not None:
            self.curves.save()
        return holdout

    def save_state(self, *, pending: bool = False) -> None:
        """Write what the run goes on from.

        Args:
            pending: the checkpoint of this step is still to be judged.
        """
        if not self.writes or self.curves is None:
            return
        figures = {"curves": self.curves.series, "seconds": self._elapsed(), "watch": self.watch.state()}
        figures |= {"choice": self.choice.state(), "sums": self.sums, "counted": self.counted, "pending": pending}
        self.trainer.save(self.directory / STATE, figures)

    def finish(self) -> TrainResult:
        """The last checkpoint and the card; the state is no longer needed."""
        holdout = self.save()
        result = TrainResult(
            directory=self.directory,
            checkpoint=self.directory / "checkpoint",
            steps=self.trainer.step,
            seconds=self._elapsed(),
            loss=self.loss,
            holdout_loss=holdout,
            episodes=self.data.identity["episodes"],
            windows=len(self.data.train),
            chosen=self.choice.why(),
            waiting=self._waiting(),
        )
        if self.writes:
            selection = {"why": result.chosen, "seeds": self._seeds(), **self.choice.state()}
            (self.directory / SELECTION).write_text(json.dumps(selection, indent=1) + "\n")
            write_card(self.directory)
            shutil.rmtree(self.directory / STATE)
        log.info("trained: %s", asdict(result))
        return result

    def _restore(self) -> dict[str, list[tuple[int, float]]]:
        """Go on from the saved state; returns the curves so far."""
        document = self.trainer.restore(self.directory / STATE)
        series: dict[str, list[tuple[int, float]]] = document["curves"]
        self.seconds = document["seconds"]
        self.sums, self.counted = document["sums"], document["counted"]
        self.watch.restore(document["watch"])
        self.choice.restore(document["choice"])
        self.pending = bool(document.get("pending", False))
        if series.get("loss"):
            self.loss = series["loss"][-1][1]
        log.info("going on from step %d", self.trainer.step)
        return series

    def _kept(self) -> str:
        """What is left of a run that has diverged, in a sentence."""
        if not self._has_checkpoint():
            return "No checkpoint was saved yet"
        kept = self.directory / "checkpoint"
        step = checkpoint.read_card(kept).training["step"]
        return f"The checkpoint in {kept} is of step {step}"

    def _has_checkpoint(self) -> bool:
        """A whole one, not what a kill left of the first."""
        return (self.directory / "checkpoint" / f"{checkpoint.NAME}.json").is_file()

    def _evaluates(self) -> bool:
        """This step's checkpoint is tried in simulation."""
        if self.config.select_checkpoint != "success":
            return False
        every = self.config.evaluate_every or self.config.save_every
        return self.trainer.step % every == 0 or self.trainer.step == self.config.steps

    def _judge(self, policy: ChunkPolicy, candidate: Candidate) -> Candidate:
        """With its success in simulation where that decides; `last/` then holds it."""
        if self.config.select_checkpoint == "last":
            return candidate
        self._write("last", policy, candidate)
        if not self._evaluates():
            return candidate
        result = evaluate(
            self.directory / "last",
            self.config.evaluate_robot or self.data.spec.robot,
            self._seeds(),
            allow_slow=True,
            processes=self.config.evaluate_processes,
        )
        p = result.proportion
        self._add(success=p.rate)
        log.info("step %d: success %s", candidate.step, p)
        return Candidate(candidate.step, candidate.holdout_loss, p.successes, p.trials)

    def _write(self, name: str, policy: ChunkPolicy, candidate: Candidate) -> None:
        training = {
            "config": self.config.to_dict(),
            "step": candidate.step,
            "loss": self.loss,
            "holdout_loss": candidate.holdout_loss,
            "seconds": self._elapsed(),
            "precision": self.trainer.precision,
            "processes": self.trainer.world.size,
            "success": None if candidate.successes is None else [candidate.successes, candidate.trials],
            "selection_seeds": self._seeds(),
        }
        checkpoint.save(
            self.directory / name, policy, self.data.statistics, dataset=self.data.identity, training=training
        )

    def _seeds(self) -> list[int]:
        """The initial states by which a checkpoint is chosen; none where success does not decide."""
        if self.config.select_checkpoint != "success":
            return []
        return validation_seeds(self.config, self.data.recorded_seeds)

    def _add(self, **values: float) -> None:
        if self.curves is not None:
            self.curves.add(self.trainer.step, **values)

    def _waiting(self) -> float:
        return self.trainer.waited / max(time.monotonic() - self._since, 1e-9)

    def _elapsed(self) -> float:
        return self.seconds + time.monotonic() - self._since
