"""A peer's side of the pipe: JSON commands from the standard input, one a line, and their results in return.

Import it before the libraries that print."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print, from their import on, does not get among the answers


def serve(peer: Any) -> None:
    """Carry out one command after another: `do` names a method of `peer`, the rest are its arguments."""
    for line in sys.stdin:
        command = json.loads(line)
        result = getattr(peer, command.pop("do"))(**command)
        _ANSWERS.write(json.dumps(result) + "\n")
        _ANSWERS.flush()


def rows(ends: NDArray[np.int64], offsets: list[int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each step of episodes that end before `ends`, the rows at these offsets (N, K) kept within its episode by
    repeating the first or last, and which of them are such repetitions (N, K)."""
    starts = np.concatenate([[0], ends[:-1]])
    length = ends - starts
    first, last = np.repeat(starts, length)[:, None], np.repeat(ends, length)[:, None] - 1
    wanted = np.arange(ends[-1])[:, None] + np.asarray(offsets)
    return np.clip(wanted, first, last), (wanted < first) | (wanted > last)


def picture(text: str, shape: Sequence[int]) -> NDArray[np.uint8]:
    """The picture (H, W, 3) that came as base64 of its bytes."""
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape).copy()


def as_input(pictures: Any) -> Any:
    """A tensor of pictures (..., H, W, 3), bytes, as networks take them: (..., 3, H, W) in [0, 1]."""
    return pictures.movedim(-1, -3).float() / 255
