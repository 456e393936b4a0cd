"""The one interface to a camera: open it, ask for the newest frame, close it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class CameraError(RuntimeError):
    """The camera cannot be opened or has stopped; the message says which and what to do."""


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole parameters [px] and Brown-Conrady distortion (k1, k2, p1, p2, k3), as in CameraInfo."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Frame:
    """One picture and when it was taken."""

    stamp: int
    """Acquisition time [ns] in the domain that `clock` names."""
    color: NDArray[np.uint8]  # (H, W, 3) RGB
    depth: NDArray[np.uint16] | None = None  # (H, W) [mm], aligned to colour; 0 = unknown
    number: int = 0
    """Counts up by one a frame at the source, so that a gap shows frames lost."""
    clock: str = "system"
    """`system`, `hardware` (device clock mapped to system time) or `simulated`."""


class Camera(Protocol):
    """A source of frames. `intrinsics` holds once it is open."""

    intrinsics: Intrinsics

    def open(self) -> None:
        """Connect and start streaming. Raises CameraError."""
        ...

    def read(self, timeout: float = 1.0) -> Frame:
        """The next frame not yet returned; waits up to `timeout` [s], then raises CameraError."""
        ...

    def status(self) -> dict[str, Any]:
        """Resolution, measured rate [Hz], format, clock, frames read, dropped, frozen, reconnects."""
        ...

    def close(self) -> None: ...
