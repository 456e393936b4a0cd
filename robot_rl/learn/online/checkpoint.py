"""Everything that decides how a session goes on, as tensors and a JSON document, and back exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import Sac


def learner_state(sac: Sac) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Actor, critics, targets, temperature, optimisers and noise."""
    tensors: dict[str, Tensor] = {"log_alpha": sac.log_alpha.detach(), "noise": sac.generator.get_state()}
    for name, module in _modules(sac).items():
        tensors |= {f"{name}.{k}": v for k, v in module.state_dict().items()}
    for name, optimizer in sac.optimizers.items():
        for i, parameter in enumerate(_parameters(optimizer)):
            tensors |= {f"optimizer.{name}.{i}.{k}": v for k, v in optimizer.state[parameter].items()}
    return tensors, {"updates": sac.updates, "groups": sac.groups}


@torch.no_grad()
def restore_learner(sac: Sac, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
    """Take up what `learner_state` gave. Raises KeyError or RuntimeError when it is of another learner."""
    sac.log_alpha.copy_(tensors["log_alpha"])
    sac.generator.set_state(tensors["noise"])
    for name, module in _modules(sac).items():
        module.load_state_dict(_under(tensors, f"{name}."))
    for name, optimizer in sac.optimizers.items():
        for i, parameter in enumerate(_parameters(optimizer)):
            moments = _under(tensors, f"optimizer.{name}.{i}.")
            optimizer.state[parameter] = {k: v.clone() for k, v in moments.items()}
    sac.updates, sac.groups = int(document["updates"]), int(document["groups"])


def replay_state(replay: Replay) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The replay's rows and views."""
    arrays, document = replay.state()
    return {f"replay.{k}": torch.from_numpy(v) for k, v in arrays.items()}, document


def restore_replay(replay: Replay, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
    """Take up what `replay_state` gave. Raises ReplayError or KeyError when it is of another replay."""
    replay.restore({k: v.numpy() for k, v in _under(tensors, "replay.").items()}, document)


def _modules(sac: Sac) -> dict[str, nn.Module]:
    return {"actor": sac.actor, "critics": sac.critics, "targets": sac.targets}


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
