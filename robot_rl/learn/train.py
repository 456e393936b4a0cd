"""Offline training: the loop, and exact resume after an interruption, by one process or several."""

from __future__ import annotations

import logging
import os
import shlex
from contextlib import ExitStack
from pathlib import Path

import torch
from tqdm import tqdm

from robot_rl.learn.choice import require_simulated
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.data import load_data
from robot_rl.learn.files import held, new_folder, require_folder
from robot_rl.learn.interrupt import deferred_interrupt
from robot_rl.learn.parallel import World, joined, local_device
from robot_rl.learn.run import Run, TrainResult
from robot_rl.learn.trainer import Trainer
from robot_rl.policies import checkpoint

log = logging.getLogger(__name__)


def train(config: TrainConfig, *, progress: bool = True) -> TrainResult:
    """Train a policy; continues an interrupted run if `config.output` holds one.

    On Ctrl-C or SIGTERM the state is saved and KeyboardInterrupt raised; the same call goes on from there, and ends
    with the very weights that an uninterrupted run would have reached. Started by torchrun, the processes share each
    batch, and the first alone writes.

    Raises:
        TrainingError: the data or configuration do not hold, or the loss diverged (the last good checkpoint stays).
        DatasetError: the data cannot be read.
        OutputError: the run cannot be written where it was asked for; nothing has been read.
    """
    require_folder(config.directory())
    device = local_device(checkpoint.torch_device(config.device))
    threads = torch.get_num_threads()
    with ExitStack() as stack:
        stack.callback(torch.set_num_threads, threads)
        torch.set_num_threads(config.threads)
        stack.enter_context(torch.random.fork_rng(devices=[device] if device.type == "cuda" else []))
        world = stack.enter_context(joined(device))
        return _train(config, device, world, progress, stack)


def _train(config: TrainConfig, device: torch.device, world: World, progress: bool, stack: ExitStack) -> TrainResult:
    data = load_data(config, device, world)
    stack.callback(data.train.close)
    if config.select_checkpoint == "loss" and data.holdout is None:
        raise TrainingError(
            f"select_checkpoint is 'loss', but of {data.identity['episodes']} episodes a holdout of {config.holdout:g} "
            "is none: raise it, record more, or select the 'last'"
        )
    if config.select_checkpoint == "success":
        require_simulated(config.evaluate_robot or data.spec.robot)
    directory = config.directory()
    if world.first:
        directory = directory if config.output is not None else new_folder(directory)
        stack.enter_context(held(directory))
    if world.size > 1:
        directory = type(directory)(world.first_text(str(directory)))
    trainer = Trainer(config, data, device, world)
    run = stack.enter_context(Run(config, data, trainer, directory))
    _check_together(world, trainer.step, directory, device)
    log.info("%d windows of %d episodes; run in %s", len(data.train), data.identity["episodes"], directory)
    shown = None if progress and world.first else True
    bar = tqdm(total=config.steps, initial=trainer.step, desc="train", unit="step", disable=shown)
    with deferred_interrupt() as interrupted, bar:
        if run.pending and trainer.step < config.steps:
            run.save()
        while trainer.step < config.steps:
            loss, norm = trainer.update()
            run.account(loss, norm)
            bar.update()
            if trainer.step % config.log_every == 0:
                bar.set_postfix(loss=f"{run.log():.4f}", refresh=False)
            if run.due() and trainer.step < config.steps:
                run.save()
            if world.any(interrupted.is_set(), device):
                run.save_state()
                again = shlex.quote(str(directory))
                log.warning("interrupted at step %d; continue with --output %s", trainer.step, again)
                raise KeyboardInterrupt
    return run.finish()


def _check_together(world: World, step: int, directory: Path, device: torch.device) -> None:
    """Raise TrainingError, in every process, unless all go on from the same step."""
    steps = torch.zeros(world.size, dtype=torch.int64, device=device)
    steps[world.rank] = step
    found = world.sum(steps).tolist()
    if len(set(found)) > 1:
        raise TrainingError(
            f"the processes would go on from different steps: {', '.join(map(str, found))}, by rank. Each looks for "
            f"the run's state in {directory} on its own computer: put the run on a file system that all share, or copy "
            "that folder to each"
        )


def is_first_process() -> bool:
    """This process is alone, or torchrun's first: the one that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"
