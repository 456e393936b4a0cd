"""The task: wipe along an uneven surface of unknown height and stiffness, pressing neither too little nor too hard."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Surface:
    """Height and stiffness along x; nothing but the force of contact tells them."""

    offset: float
    """Height where the waves vanish [m]."""
    tilt: float
    """Rise over run."""
    amplitudes: tuple[float, ...]  # [m]
    wavelengths: tuple[float, ...]  # [m]
    phases: tuple[float, ...]  # [rad]
    stiffness: float
    """[N/m]"""

    def height(self, x: float) -> float:
        """[m] at x [m]."""
        waves = zip(self.amplitudes, self.wavelengths, self.phases)
        return self.offset + self.tilt * x + sum(a * math.sin(2 * math.pi * x / w + p) for a, w, p in waves)

    def slope(self, x: float) -> float:
        """Rise over run at x [m]."""
        waves = zip(self.amplitudes, self.wavelengths, self.phases)
        return self.tilt + sum(2 * math.pi * a / w * math.cos(2 * math.pi * x / w + p) for a, w, p in waves)


@dataclass(frozen=True)
class WipingTask:
    """Which surfaces there are, where the tool starts, and what counts as wiped.

    Ground is gained as the tool comes further along the path than before; it is wiped if the force lay in the band
    as it was gained. There is one pass: what was passed over badly stays unwiped.
    """

    length: float = 0.15
    """The path goes from x = 0 to here [m]."""
    band: tuple[float, float] = (3.0, 7.0)
    """Least and greatest force along z that wipes [N]."""
    share: float = 0.9
    """Success is the end of the path with at least this share of it wiped."""
    force_limit: float = 15.0
    """The attempt is aborted when the force along z exceeds this [N]."""
    waves: tuple[tuple[float, float], ...] = ((0.045, 0.065), (0.065, 0.095), (0.09, 0.14))
    """Range of the wavelength of each wave of the surface [m]."""
    roughness: tuple[float, float] = (0.008, 0.02)
    """Range of a wave's amplitude as a share of its wavelength."""
    offset: float = 0.003
    """The surface's mean height lies within +- this [m]."""
    tilt: float = 0.03
    """Its tilt within +- this, rise over run."""
    stiffness: tuple[float, float] = (4000.0, 40_000.0)
    """Range of its stiffness [N/m], drawn evenly in the logarithm."""
    start: tuple[float, float] = (-0.01, 0.0)
    """Range of the tool's x at the start [m]."""
    clearance: tuple[float, float] = (0.003, 0.008)
    """Range of its height above the surface there [m]."""

    def __post_init__(self) -> None:
        for name in ("band", "roughness", "stiffness", "start", "clearance"):
            low, high = self._range(name)
            if name != "start" and low <= 0.0:
                raise ValueError(f"{name} is {low, high}: numbers above 0 are needed")
        if any(len(w) != 2 or not 0.0 < w[0] <= w[1] for w in self.waves):
            raise ValueError(f"waves are {self.waves}: the least and greatest length of each [m] are needed, above 0")
        for name in ("length", "share", "force_limit"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise ValueError(f"{name} is {getattr(self, name)}: a finite number above 0 is needed")
        if self.share > 1.0 or self.band[1] >= self.force_limit:
            raise ValueError(f"share {self.share} must not exceed 1, nor band {self.band} reach {self.force_limit} N")
        for name in ("offset", "tilt"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: a finite number, 0 or more, is needed")

    def draw(self, rng: np.random.Generator) -> tuple[Surface, float, float]:
        """A surface and the tool's x and z [m] at the start."""
        wavelengths = tuple(float(rng.uniform(*w)) for w in self.waves)
        surface = Surface(
            offset=float(rng.uniform(-self.offset, self.offset)),
            tilt=float(rng.uniform(-self.tilt, self.tilt)),
            amplitudes=tuple(float(rng.uniform(*self.roughness)) * w for w in wavelengths),
            wavelengths=wavelengths,
            phases=tuple(float(p) for p in rng.uniform(0.0, 2 * math.pi, len(wavelengths))),
            stiffness=float(math.exp(rng.uniform(*np.log(self.stiffness)))),
        )
        x = float(rng.uniform(*self.start))
        return surface, x, surface.height(x) + float(rng.uniform(*self.clearance))

    def wipes(self, force: float) -> bool:
        """Whether a force along z [N] lies in the band."""
        return self.band[0] <= force <= self.band[1]

    def _range(self, name: str) -> tuple[float, float]:
        value = getattr(self, name)
        if len(value) != 2 or not -math.inf < value[0] <= value[1] < math.inf:
            raise ValueError(f"{name} is {value}: the least and the greatest number are needed")
        return value[0], value[1]


class Progress:
    """How far the tool has come, and how much of that is wiped."""

    def __init__(self, task: WipingTask) -> None:
        self._task = task
        self.reached, self.wiped = 0.0, 0.0
        """[m] of the path."""
        self.gouged = False
        """The force limit was exceeded."""

    def add(self, x: float, force: float) -> float:
        """The tool is at x [m] and feels this force along z [N]; returns the share of the path newly wiped."""
        gained = max(min(x, self._task.length) - self.reached, 0.0)
        self.reached += gained
        self.gouged |= force > self._task.force_limit
        if not self._task.wipes(force):
            return 0.0
        self.wiped += gained
        return gained / self._task.length

    @property
    def share(self) -> float:
        """Of the whole path, wiped."""
        return self.wiped / self._task.length

    @property
    def ended(self) -> bool:
        """At the end of the path, or aborted."""
        return self.gouged or self.reached >= self._task.length - 1e-9

    @property
    def success(self) -> bool:
        """At the end of the path, well wiped."""
        return self.ended and not self.gouged and self.share >= self._task.share
