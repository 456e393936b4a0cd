"""From the wish for an episode to the moment at which it may begin, as the episode manager follows it from outside."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from robot_rl.runtime.coming import Coming
from robot_rl.runtime.driving import Driving

PATIENT = 5
"""Requests to the robot, one every two seconds, after which somebody should hear what is waited for."""


def describe(coming: Coming, number: int, *, seed: int, purpose: str) -> dict[str, Any]:
    """A new episode, JSON-ready: `episode` (its name), `seed`, `purpose`, and of a practice its `direction`.

    Args:
        number: of the episode; `coming` may know better.
        seed, purpose: of the sitting. A trial of an evaluation has its own.
    """
    seed += number if coming.number is None else coming.number
    trial = {"seed": coming.seed, "purpose": "evaluation"} if coming.evaluation else {}
    direction = {"direction": coming.direction} if coming.direction else {}
    return {"episode": uuid.uuid4().hex, "seed": seed, "purpose": purpose, **trial, **direction}


class Preparation:
    """The robot is reset; where it resets itself, it drives to the start state, and is then asked to stand there. The
    recorder must have heard every stream since.

    Args:
        episode: as `describe` makes it.
        recorded: the recorder is waited for.
    """

    def __init__(self, episode: dict[str, Any], coming: Coming, *, recorded: bool) -> None:
        self.episode = episode
        self.start: int | None = None
        """When [ns] the robot stood at its start; None before."""
        self.drive = None if coming.drive is None else Driving(coming.drive)
        """The reset that the robot drives itself, from when it is asked for to its end."""
        self.prepared = not recorded
        """The recorder has heard every stream since the robot stands."""
        self.alone = coming.alone
        """The robot is to be left to itself."""
        self._coming, self._scene = coming, coming.scene
        self._requests = 0

    @property
    def name(self) -> str:
        """Of the episode."""
        return str(self.episode["episode"])

    @property
    def driving(self) -> bool:
        """The robot is resetting itself at this moment."""
        return self.drive is not None and self.drive.begun

    @property
    def delayed_by(self) -> str:
        """Who has been asked often enough to be spoken of and has not answered, or nothing."""
        if self._requests <= PATIENT:
            return ""
        return "the robot to stand at its start" if self.start is None else "the recorder to hear every stream"

    def request(self) -> dict[str, Any]:
        """What the robot is asked for, once more: to get ready for its own reset, else for the episode."""
        self._requests += 1
        if self.drive is not None:
            return {**self.episode_of(self.drive), "scene": self._scene, "goal": self.drive.wanted["goal"]}
        return {**self.episode, "scene": self._scene, "goal": self._coming.goal}

    def episode_of(self, drive: Driving) -> dict[str, Any]:
        """The episode under the name of the robot's own reset, which comes before it."""
        return {**self.episode, "episode": drive.episode}

    def stands(self, name: str, stamp: int) -> bool:
        """The robot says that it stands since `stamp` [ns]. Returns whether it is to drive from there now."""
        if self.drive is None:
            if name == self.name:
                self.start = stamp
            return False
        if name != self.drive.episode or self.drive.begun:
            return False
        self.drive.start = stamp
        return True

    def driven(self) -> None:
        """The robot has reset itself: the episode begins where that led."""
        self.drive, self._scene, self._requests = None, "kept", 0

    def failed(self, why: str) -> Coming:
        """The robot could not reset itself, and a person must set the scene up: what comes then."""
        self.drive = None
        wanted = self._coming.drive
        again = wanted if wanted is not None and wanted["always"] else None
        return replace(self._coming, after=self.name, scene="outside", drive=again, ask=why)
