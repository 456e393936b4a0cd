"""A policy by name: a checkpoint on this computer, or the address of a server."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from robot_rl.extras import require
from robot_rl.hardware.config import CameraConfig
from robot_rl.serving.mapping import FieldMap
from robot_rl.serving.protocol import ServablePolicy, is_address
from robot_rl.spec import Spec

AGENTS = "robot_rl.learn.online.deployed:load"
"""Who reads what an online session has made: a layer above, so it is found by name, as drivers are."""


def load_policy(
    name: str,
    spec: Spec,
    cameras: Mapping[str, CameraConfig] | None = None,
    *,
    device: str = "cpu",
    fields: str = "",
    prompt: str = "",
) -> ServablePolicy:
    """A policy that fits the robot, ready to predict. torch is imported only for a checkpoint.

    Args:
        name: a checkpoint as `checkpoint.load` takes it, or `ws://host:port`.
        device: where a checkpoint computes.
        fields: the names a foreign server uses, as `FieldMap.parse` reads them.
        prompt: the task in words, for a foreign server.

    Raises:
        CheckpointError, RemoteError, MappingError: there is no such policy or it does not fit the robot.
        MissingExtraError: a server is named, and robot_rl[serve] is not installed.
        PolicyUnavailableError: the server does not answer.
    """
    if is_address(name):
        require("serve")
        from robot_rl.serving.client import RemotePolicy

        return RemotePolicy(name, spec, cameras, fields=FieldMap.parse(fields, prompt) if fields else None)
    from robot_rl.policies import checkpoint

    directory = checkpoint.resolve(name)
    policy: ServablePolicy = (
        load_agent(directory, device) if checkpoint.is_agent(directory) else checkpoint.load(directory, device=device)
    )
    checkpoint.require_fits(policy, spec, cameras)
    return policy


def load_agent(directory: Path, device: str) -> ServablePolicy:
    """The result of an online session. Raises CheckpointError."""
    module, _, function = AGENTS.partition(":")
    policy: ServablePolicy = getattr(importlib.import_module(module), function)(directory, device)
    return policy
