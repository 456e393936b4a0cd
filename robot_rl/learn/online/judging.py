"""A reward classifier as the judge of a session: it sees what the robot's cameras see, and ends episodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.camera import Camera, CameraError, Frame
from robot_rl.hardware.robot import Outcome
from robot_rl.learn.rewards.storage import load_classifier
from robot_rl.rewards.judge import ClassifierJudge
from robot_rl.runtime.frames import Capturing


class EpisodeJudge(Protocol):
    """Says what the task makes of the present state."""

    def __call__(self) -> Outcome: ...

    def reset(self) -> None:
        """A new episode."""
        ...


class WatchedCamera:
    """An open camera whose newest picture others may look at; everything else is the camera's own."""

    def __init__(self, camera: Camera) -> None:
        self._camera, self.intrinsics = camera, camera.intrinsics
        self.newest: Frame | None = None
        """None before the first."""

    def open(self) -> None:
        self._camera.open()
        self.intrinsics = self._camera.intrinsics

    def read(self, timeout: float = 1.0) -> Frame:
        frame = self._camera.read(timeout)
        self.newest = frame
        return frame

    def status(self) -> dict[str, Any]:
        return self._camera.status()

    def close(self) -> None:
        self._camera.close()


class WatchedRenderer(WatchedCamera):
    """The same for a camera that can take a picture at any moment."""

    def __init__(self, camera: Capturing) -> None:
        super().__init__(camera)  # type: ignore[arg-type]
        self._capturing = camera

    def capture(self) -> Frame:
        """A picture of this very moment."""
        frame = self._capturing.capture()
        self.newest = frame
        return frame


def watch(camera: Camera) -> WatchedCamera:
    """The camera with its newest picture for all to see."""
    return WatchedRenderer(camera) if isinstance(camera, Capturing) else WatchedCamera(camera)


def classifier_judge(folder: Path, cameras: Mapping[str, WatchedCamera]) -> ClassifierJudge:
    """The judge that the classifier in `folder` makes of these cameras.

    Raises:
        CameraError: the camera it looks at is not open.
        RewardError: it cannot be read, or was trained on pictures of another size; both are named.
    """
    trained = load_classifier(folder)
    name = trained.view.camera
    if name not in cameras:
        raise CameraError(
            f"the reward classifier in {folder} looks at camera '{name}', which is not open; open are "
            f"{', '.join(sorted(cameras)) or 'none'}: add it to the recipe's `cameras`"
        )
    size = cameras[name].intrinsics
    here = type(trained.view)(name, size.width, size.height, trained.view.crop, trained.view.size)
    trained.view.require(here)

    def frames() -> dict[str, tuple[int, NDArray[np.uint8]]]:
        return {n: (c.newest.stamp, c.newest.color) for n, c in cameras.items() if c.newest is not None}

    return ClassifierJudge(trained, frames, lambda: None)
