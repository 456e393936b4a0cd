"""Pictures labelled while they are taken: for as long as a key is held they show success, and the rest do not.

This is how HIL-SERL collects for its classifiers: about 200 pictures with the key held, 1000 without. Here the time
that a person takes to see and to press is taken off, what nobody can label is left out, and every picture knows the
take it is of, so that takes, not pictures, are divided for training and for tests.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import BEFORE, CUT, KINDS, LabelledFrames, around_success
from robot_rl.rewards.keys import LATENCY, held_labels
from robot_rl.rewards.pace import Pace, measured_rate
from robot_rl.rewards.view import View

Shows = Literal["other", "hands", "empty"]
SILENCE = 1_000_000_000
"""When a key has not been heard of for so long [ns], nobody knows what it was in between."""


@dataclass(frozen=True)
class LiveConfig:
    """Which pictures are taken, and as what."""

    latency: float = LATENCY
    """From seeing to the key going down or up [s]."""
    before: float = BEFORE
    """So long before a success [s] nothing is taken: nobody can say to the picture when it began."""
    near: float = 1.5
    """Pictures in the time before that [s] are near misses."""
    rate: float = 10.0
    """Pictures a second, about; a camera that is slower gives what it has."""
    shows: Shows = "other"
    """What all pictures without success show: nothing special, hands in the scene, or an empty scene."""
    longest: float = 60.0
    """A take without an end is cut after so long [s]."""

    def __post_init__(self) -> None:
        if not (0.0 <= self.latency < 60.0 and self.before >= 0.0 and self.near >= 0.0):
            raise RewardError(
                f"latency {self.latency} s, before {self.before} s, near {self.near} s: at least 0, latency below 60"
            )
        if not (0.0 < self.rate <= 1000.0 and self.longest > 0.0):
            raise RewardError(f"rate {self.rate} pictures a second, longest {self.longest} s: above 0")
        if self.shows not in ("other", "hands", "empty"):
            raise RewardError(f"shows is '{self.shows}'; it must be other, hands or empty")


class LiveCollector:
    """Takes pictures and the state of the key as they come, and labels each take when it is over.

    Args:
        view: what the classifier looks at.
        source: where the pictures come from (JSON).
    """

    def __init__(self, view: View, config: LiveConfig, source: dict[str, Any]) -> None:
        self.view, self.config = view, config
        self.unlabelled = 0
        """Pictures left out since the key was not heard of at their time."""
        self._source = source
        self._parts: list[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]] = []
        self._taken: list[NDArray[np.int64]] = []
        """When the pictures of each take were taken [ns]."""
        self._name: str | None = None
        self._clear()
        self._known = -1
        self._down: int | None = None
        self._stale = False

    def begin(self, name: str | None = None) -> None:
        """A take begins; one under way is over.

        Args:
            name: of the episode, in which a key that is held from before says nothing until it has been let go; by
                default a new one, of a take that ends whenever the key is released.
        """
        self.end()
        if name is not None and self._down is not None:
            self._stale, self._down = True, None
        self._name, self._free = name or uuid.uuid4().hex, name is None

    @property
    def held(self) -> bool:
        """The key is down."""
        return self._down is not None

    def key(self, stamp: int, held: bool) -> None:
        """The state of the key at `stamp` [ns]; one heard of before, or late, is passed over."""
        if stamp <= self._known:
            return
        if stamp - self._known > SILENCE and self._known >= 0:
            self._gaps.append((self._known, stamp))
            if self._down is not None:
                self._spans.append((self._down, self._known + 1))
                self._down = None
        self._known, self._stale = stamp, self._stale and held
        held = held and not self._stale
        if held and self._down is None:
            self._down = stamp
        elif not held and self._down is not None:
            self._spans.append((self._down, stamp))
            self._down = None
            if self._name is not None and self._free:
                self.begin()

    def picture(self, stamp: int, picture: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3) of the camera, taken at `stamp` [ns]. Raises RewardError for one of another size."""
        if self._name is None or not self._pace.takes(stamp):
            return
        if self._stamps and stamp - self._stamps[0] > self.config.longest * 1e9:
            down = self._down
            self.begin(None if self._free else f"{self._name}{CUT}")
            self._down, self._stale = down, self._stale and down is None  # a key that is held goes on being held
        self._stamps.append(stamp)
        self._pictures.append(self.view.apply(np.asarray(picture)[None])[0])

    def end(self) -> None:
        """The take is over, if there is one: label it as far as the key was heard of."""
        name, self._name = self._name, None
        if name is not None and self._stamps:
            self._label(name)
        self._clear()

    def _label(self, name: str) -> None:
        stamps, spans = np.array(self._stamps, dtype=np.int64), list(self._spans)
        if self._down is not None:
            spans.append((self._down, self._known + 1))
        pressed = stamps + round(self.config.latency * 1e9)
        known = pressed <= self._known
        for silent, again in self._gaps:
            known &= (pressed <= silent) | (pressed >= again)
        self.unlabelled += int((~known).sum())
        success = held_labels(spans, stamps, self.config.latency) & known
        kinds = around_success(success, stamps, self.config.before, self.config.near)
        kinds[~known] = -1
        if self.config.shows != "other":
            kinds[(kinds >= 0) & ~success] = KINDS.index(self.config.shows)
        keep = np.flatnonzero(kinds >= 0)
        self._taken.append(stamps)
        if len(keep):
            self._parts.append((name, np.stack([self._pictures[i] for i in keep]), kinds[keep].astype(np.uint8)))

    def drop(self) -> None:
        """Forget the take under way."""
        self._name = None
        self._clear()

    @property
    def counts(self) -> Counter[str]:
        """Labelled pictures by kind."""
        return Counter(KINDS[k] for _, _, kinds in self._parts for k in kinds.tolist())

    @property
    def waiting(self) -> int:
        """Pictures of the take under way, which are labelled when it is over."""
        return len(self._stamps)

    @property
    def takes(self) -> int:
        """Takes with a picture that could be labelled."""
        return len(self._parts)

    def frames(self, before: LabelledFrames | None = None) -> LabelledFrames:
        """All that has been labelled, and what was collected before.

        Raises:
            RewardError: no picture yet, or those before are of another view.
        """
        if not self._parts:
            if before is None:
                raise RewardError("no picture has been labelled yet")
            return before
        sizes = [len(kinds) for _, _, kinds in self._parts]
        frames = LabelledFrames(
            self.view,
            np.concatenate([pictures for _, pictures, _ in self._parts]),
            np.concatenate([kinds for _, _, kinds in self._parts]),
            np.repeat(np.arange(len(sizes)), sizes),
            np.concatenate([np.arange(n) for n in sizes]),
            tuple(name for name, _, _ in self._parts),
            {**self._source, "episodes": len(sizes)},
            self.config.before,
            measured_rate(self._taken),
        )
        return frames if before is None else before.joined(frames)

    def _clear(self) -> None:
        self._pace = Pace(self.config.rate)
        self._stamps: list[int] = []
        self._pictures: list[NDArray[np.uint8]] = []
        self._spans: list[tuple[int, int]] = []
        self._gaps: list[tuple[int, int]] = []
        self._free = False


@dataclass(frozen=True)
class Goal:
    """How many pictures are enough; 0 goes on until stopped."""

    successes: int = 200
    others: int = 1000

    def reached(self, counts: Counter[str]) -> bool:
        """There are enough of both sorts; never where both are 0."""
        success = counts[KINDS[0]]
        enough = success >= self.successes and counts.total() - success >= self.others
        return enough and (self.successes > 0 or self.others > 0)

    def progress(self, counts: Counter[str], collector: LiveCollector) -> str:
        """In one line.

        Args:
            counts: what has been labelled, by kind; the collector's and what was there before.
        """
        success = counts[KINDS[0]]
        of = [f"/{n}" if n else "" for n in (self.successes, self.others)]
        kinds = ", ".join(f"{counts[k]} {k.replace('_', ' ')}" for k in KINDS[1:] if counts[k])
        labelled = f"success {success}{of[0]}, others {counts.total() - success}{of[1]}{f' ({kinds})' if kinds else ''}"
        return f"{labelled}; {collector.waiting} in this take; key {'HELD' if collector.held else 'up'}"
