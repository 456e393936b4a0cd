"""A policy by name: a checkpoint on this computer, or the address of a server."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from robot_rl.extras import require
from robot_rl.hardware.config import CameraConfig
from robot_rl.serving.mapping import FieldMap, MappingError
from robot_rl.serving.protocol import ServablePolicy, is_address
from robot_rl.spec import Spec

AGENTS = "robot_rl.learn.online.deployed:load"
"""Who reads what an online session has made: a layer above, so it is found by name, as drivers are."""


class PolicyOptionError(ValueError):
    """An option would do nothing for the policies that are named; the message says what to do instead."""


def check_options(names: Sequence[str], *, device: str, fields: str, prompt: str) -> None:
    """Refuse options, as `load_policy` takes them, that count for none of these policies.

    Raises:
        PolicyOptionError: a device for servers alone, fields for checkpoints alone, or a prompt without fields.
    """
    if device != "cpu" and all(map(is_address, names)):
        raise PolicyOptionError(
            f"device '{device}' is for a policy on this computer, and {', '.join(names)} computes where it is served: "
            f"leave the device out here, and give it there (robot-rl serve --device {device})"
        )
    if fields and not any(map(is_address, names)):
        raise PolicyOptionError(
            f"--fields '{fields}' is what a server calls the robot's fields, and {', '.join(names)} is on this "
            "computer, where names are the robot's: leave it out"
        )
    if prompt and not fields:
        raise PolicyOptionError(
            "--prompt is sent only to servers other than robot_rl's, which also need --fields: add those, or leave the "
            "prompt out"
        )


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
        prompt: the task in words, for a foreign server; others do without.

    Raises:
        CheckpointError, RemoteError, MappingError: there is no such policy or it does not fit the robot, or fields are
            given for one that says itself what it takes.
        MissingExtraError: a server is named, and robot_rl[serve] is not installed.
        PolicyUnavailableError: the server does not answer.
    """
    if is_address(name):
        require("serve")
        from robot_rl.serving.client import RemotePolicy

        return RemotePolicy(name, spec, cameras, fields=FieldMap.parse(fields, prompt) if fields else None)
    from robot_rl.policies import checkpoint

    if fields:
        raise MappingError(f"field map: {name} is no server's policy, and takes the robot's fields by name: give none")
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
