"""Modules, optimisers, and of the replay all but its observations, as named tensors and a JSON document, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robot_rl.learn.online.replay import Replay

OBSERVATION = "observation."
"""How the replay's arrays of observations are called."""

Optimizers = Mapping[str, torch.optim.Optimizer]


def module_state(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Weights and buffers of named modules."""
    return {f"{name}.{k}": v for name, module in modules.items() for k, v in module.state_dict().items()}


def restore_modules(modules: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> None:
    """Take up what `module_state` gave. Raises RuntimeError when it is of other modules."""
    for name, module in modules.items():
        module.load_state_dict(under(tensors, f"{name}."))


def optimizer_state(optimizers: Optimizers) -> dict[str, Tensor]:
    """Moments and step counts of named optimisers."""
    out: dict[str, Tensor] = {}
    for name, optimizer in optimizers.items():
        for i, parameter in enumerate(_parameters(optimizer)):
            out |= {f"optimizer.{name}.{i}.{k}": v for k, v in optimizer.state[parameter].items()}
    return out


def restore_optimizers(optimizers: Optimizers, tensors: Mapping[str, Tensor]) -> None:
    """Take up what `optimizer_state` gave."""
    for name, optimizer in optimizers.items():
        for i, parameter in enumerate(_parameters(optimizer)):
            moments = under(tensors, f"optimizer.{name}.{i}.")
            optimizer.state[parameter] = {k: v.clone() for k, v in moments.items()}


def replay_state(replay: Replay) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The replay's columns and views; its observations are in the journal (see `journal`)."""
    arrays, document = replay.state()
    return {f"replay.{k}": torch.from_numpy(v) for k, v in arrays.items() if not k.startswith(OBSERVATION)}, document


def restore_replay(
    replay: Replay, tensors: Mapping[str, Tensor], document: Mapping[str, Any], observation: Mapping[str, NDArray[Any]]
) -> None:
    """Take up what `replay_state` and the journal gave. Raises ReplayError or KeyError when it is of another replay."""
    arrays = {k: v.numpy() for k, v in under(tensors, "replay.").items()}
    replay.restore(arrays | {f"{OBSERVATION}{n}": v for n, v in observation.items()}, document)


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
