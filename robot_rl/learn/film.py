"""Recorded episodes as pictures for a report: a film strip, a short animation, and who acted in each step."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.kinds import KINDS as KINDS
from robot_rl.datasets.kinds import step_kinds as step_kinds
from robot_rl.page.pictures import jpeg_uri as jpeg_uri
from robot_rl.page.pictures import strip_indices as strip_indices


@dataclass(frozen=True)
class Clip:
    """One episode to look at. Frame i was taken at step i."""

    caption: str
    frames: NDArray[np.uint8]  # (T, H, W, 3) RGB
    rate: float
    """Steps per second of the robot's time."""
    kinds: tuple[str, ...]
    """Of each step, from KINDS."""


@dataclass(frozen=True)
class EpisodeRow:
    """One episode of a timeline."""

    label: str
    kinds: tuple[str, ...]
    success: bool | None


def episode_row(episode: Episode) -> EpisodeRow:
    """An episode's row in a timeline, labelled by its number."""
    return EpisodeRow(str(episode.number), step_kinds(episode), episode.success)


def episode_clip(episode: Episode, cameras: Sequence[str], caption: str = "") -> Clip:
    """The pictures of one or more cameras of equal height, side by side, at every step.

    Raises:
        DatasetError: the episode has no stream of such a name.
        ValueError: no camera, or cameras of different heights.
    """
    if not cameras:
        raise ValueError("a clip needs at least one camera")
    views = [episode.aligned([name])[name] for name in cameras]
    if len({v.shape[1] for v in views}) > 1:
        raise ValueError(f"cameras {', '.join(cameras)} differ in height: {[v.shape[1] for v in views]}")
    result = {True: "success", False: "failure", None: "not labelled"}[episode.success]
    text = caption or f"episode {episode.number}, {len(episode)} steps, {result}"
    return Clip(text, np.concatenate(views, axis=2), episode.spec.rate, step_kinds(episode))


def animation_uri(clip: Clip, max_frames: int = 100, speed: float = 1.0, quality: int = 55) -> str:
    """The clip as an endless animated WebP data URI, thinned to at most `max_frames`, resting on its last frame."""
    stride = -(-len(clip.frames) // max_frames)
    frames = [Image.fromarray(f) for f in clip.frames[::stride]]
    each = max(round(1000 * stride / (clip.rate * speed)), 20)  # [ms]
    durations = [each] * (len(frames) - 1) + [each + 900]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=quality, method=2
    )
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
