from __future__ import annotations

import numpy as np
import pytest

from robot_rl.hardware.camera import CameraError, Frame
from robot_rl.runtime.frames import Frames, streams

S = 10**9


class Tape:
    """A camera that plays back the given stamps; None stands for a read in which nothing new has come."""

    def __init__(self, *stamps: int | None) -> None:
        self._stamps = list(stamps)

    def read(self, timeout: float = 1.0) -> Frame:
        stamp = self._stamps.pop(0) if self._stamps else None
        if stamp is None:
            raise CameraError("nothing has come")
        return Frame(stamp, np.full((2, 2, 3), stamp % 255, np.uint8))


def test_frames_from_before_the_episode_are_passed_over():
    frames = Frames({"front": Tape(3, 5, 12, 13)})
    assert [(n, f.stamp) for n, f in frames.begin(10)] == [("front", 12)]
    assert frames.images["front"][0, 0, 0] == 12


def test_a_camera_that_never_starts_is_an_error():
    with pytest.raises(CameraError, match="nothing has come"):
        list(Frames({"front": Tape(3)}).begin(10))


def test_a_poll_gives_new_frames_only_and_keeps_the_last_picture():
    frames = Frames({"a": Tape(1, None, 3), "b": Tape(1, 2, None)})
    assert len(list(frames.begin(0))) == 2
    assert [(n, f.stamp) for n, f in frames.poll(2)] == [("b", 2)]
    assert [(n, f.stamp) for n, f in frames.poll(3)] == [("a", 3)]
    assert (frames.images["a"][0, 0, 0], frames.images["b"][0, 0, 0]) == (3, 2)


def test_silence_is_an_error_only_after_the_patience():
    frames = Frames({"front": Tape(0)}, patience=0.5)
    list(frames.begin(0))
    assert list(frames.poll(S // 2)) == []
    with pytest.raises(CameraError, match=r"camera 'front' has given no frame for 0\.6 s: nothing has come"):
        list(frames.poll(6 * S // 10))


def test_depth_is_a_stream_of_its_own():
    color, depth = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2), np.uint16)
    assert [n for n, _ in streams("front", Frame(0, color))] == ["front"]
    assert [n for n, _ in streams("front", Frame(0, color, depth))] == ["front", "front_depth"]
