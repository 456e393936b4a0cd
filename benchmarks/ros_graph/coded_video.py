"""Videos whose every picture carries its number, so that a subscriber can tell lost and torn ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 640, 480, 30
BITS, CELL = 16, 40
"""The number is written as BITS black or white cells of CELL pixels, along the top and again along the bottom."""


def draw(number: int) -> NDArray[np.uint8]:
    """Picture (HEIGHT, WIDTH, 3) of a number, over a pattern that moves."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    picture = ((rows + columns + 7 * number) % 256).astype(np.uint8)
    cells = np.array([255 if number >> bit & 1 else 0 for bit in range(BITS)], np.uint8).repeat(CELL)
    picture[:CELL] = cells
    picture[-CELL:] = cells
    return np.repeat(picture[..., None], 3, axis=2)


def read(pixels: NDArray[Any]) -> int | None:
    """The number in a picture (HEIGHT, WIDTH, 3); None where top and bottom disagree: it is torn."""
    centres = slice(CELL // 2, None, CELL)
    top, bottom = (pixels[row, centres, 1] > 127 for row in (CELL // 2, HEIGHT - CELL // 2))
    if (top != bottom).any():
        return None
    return int(sum(1 << bit for bit, on in enumerate(top) if on))


def write(path: Path, frames: int) -> None:
    """A Motion-JPEG video of pictures 0 to frames - 1. Raises RuntimeError where OpenCV cannot write one."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise RuntimeError(f"{path}: this OpenCV cannot write Motion-JPEG videos")
    for number in range(frames):
        writer.write(draw(number))
    writer.release()
