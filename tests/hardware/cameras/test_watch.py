"""The watch over a camera: stops, freezes, drops, reconnections, rate."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

from robot_rl.hardware.camera import Camera, CameraError, Frame, Intrinsics
from robot_rl.hardware.cameras.latest import CameraEndedError, CameraLostError
from robot_rl.hardware.cameras.watch import WatchedCamera, fingerprint
from robot_rl.hardware.config import CameraConfig, ConfigError

PERIOD = 50_000_000


class ScriptedCamera:
    """A camera that plays a list: a frame number, or an error to raise."""

    intrinsics = Intrinsics(4, 4, 1, 1, 1.5, 1.5)

    def __init__(self, script: list[Any], still: bool = False, clock: str = "system") -> None:
        self._script, self._still, self._clock, self.closed = script, still, clock, False

    def open(self) -> None:
        if self._script and self._script[0] == "absent":
            raise CameraError("absent")

    def read(self, timeout: float = 1.0) -> Frame:
        step = self._script.pop(0) if self._script else CameraError("no frame")
        if isinstance(step, Exception):
            raise step
        level = 7 if self._still else step % 256
        return Frame(step * PERIOD, np.full((4, 4, 3), level, np.uint8), number=step, clock=self._clock)

    def status(self) -> dict[str, Any]:
        return {"format": "rgb8", "clock": self._clock}

    def close(self) -> None:
        self.closed = True


class Bench:
    """A watched camera with a clock set by hand; each entry of `scripts` is one connection."""

    def __init__(self, *scripts: list[Any], watch: dict | None = None, **camera: Any) -> None:
        self.now, self.made = 0.0, list[ScriptedCamera]()
        remaining = list(scripts)

        def make() -> Camera:
            self.made.append(ScriptedCamera(remaining.pop(0), **camera))
            return self.made[-1]

        options = {"watch": watch} if watch else {}
        cfg = CameraConfig("front", "scripted", 4, 4, 20.0, options=options)
        self.camera = WatchedCamera(make, cfg, monotonic=lambda: self.now)
        self.camera.open()

    def read(self, at: float | None = None) -> Frame:
        self.now = self.now if at is None else at
        return self.camera.read(timeout=0.0)

    def state(self) -> str:
        return str(self.camera.status()["state"])


def test_it_measures_the_rate_from_the_stamps() -> None:
    bench = Bench([1, 2, 3, 4, 5])
    for _ in range(5):
        bench.read()
    status = bench.camera.status()
    assert (status["rate"], status["frames"], status["dropped"], status["state"]) == (20.0, 5, 0, "ok")
    assert (status["resolution"], status["format"], status["clock"]) == ("4x4", "rgb8", "system")


def test_gaps_in_the_numbers_are_frames_dropped() -> None:
    bench = Bench([1, 2, 5, 6, 10])
    for _ in range(5):
        bench.read()
    assert bench.camera.status()["dropped"] == 2 + 3


def test_a_short_silence_is_no_stop_and_a_long_one_opens_the_camera_again() -> None:
    silence = CameraError("no frame within 1 s")
    bench = Bench([1, silence, 2, silence, silence], [1, 2], watch={"stop_after": 1.0})
    bench.read(at=0.0)
    with pytest.raises(CameraError, match="no frame"):
        bench.read(at=0.9)
    assert (bench.state(), bench.read().number) == ("ok", 2)
    with pytest.raises(CameraError):
        bench.read(at=1.5)
    with pytest.raises(CameraError):
        bench.read(at=2.0)
    assert bench.state() == "stopped"
    assert bench.made[0].closed
    frame = bench.read()
    status = bench.camera.status()
    assert (status["state"], status["reconnects"]) == ("ok", 1)
    assert frame.number == 2 + 1  # numbers go on counting up


def test_a_lost_camera_is_tried_again_with_growing_waits() -> None:
    absent = ["absent"]
    bench = Bench([1, CameraLostError("unplugged")], absent, absent, absent, [1], watch={"backoff": 0.5})
    bench.read(at=0.0)
    attempts = []
    with pytest.raises(CameraError, match="unplugged"):
        bench.read()
    for tick in range(40):
        made = len(bench.made)
        with contextlib.suppress(CameraError):
            bench.read(at=0.1 * tick)
        if len(bench.made) > made:
            attempts.append(round(bench.now, 1))
        if bench.state() == "ok":
            break
    assert attempts == pytest.approx([0.0, 0.5, 1.5, 3.5], abs=0.11)  # waits of 0.5, 1 and 2 s
    assert bench.camera.status()["reconnects"] == 1


def test_a_frozen_picture_is_refused_and_the_camera_opened_again() -> None:
    bench = Bench(list(range(1, 100)), [1], still=True, watch={"freeze_after": 1.0})
    passed = 0
    with pytest.raises(CameraError, match=r"the picture has not changed for 1.0 s"):
        while True:
            bench.read()
            passed += 1
    assert passed == 20  # frames 1 to 20; frame 21 is 1 s after frame 1
    assert (bench.state(), bench.camera.status()["frozen"]) == ("frozen", 1)
    assert bench.read().number == 21
    assert bench.state() == "ok"


def test_a_still_simulated_scene_is_not_frozen() -> None:
    bench = Bench(list(range(1, 100)), still=True, clock="simulated", watch={"freeze_after": 1.0})
    for _ in range(99):
        bench.read()
    assert bench.state() == "ok"


def test_the_end_of_a_recording_is_not_a_stop() -> None:
    bench = Bench([1, CameraEndedError("over"), CameraEndedError("over")])
    bench.read()
    for _ in range(2):
        with pytest.raises(CameraEndedError):
            bench.read(at=100.0)
    assert (bench.state(), len(bench.made)) == ("ended", 1)


def test_a_camera_absent_at_the_start_is_an_error_at_once() -> None:
    with pytest.raises(CameraError, match="absent"):
        Bench(["absent"])


def test_closed_it_says_so() -> None:
    bench = Bench([1])
    bench.camera.close()
    assert bench.made[0].closed
    with pytest.raises(CameraError, match=r"is not open: call open\(\) first"):
        bench.read()


def test_the_fingerprint_sees_a_one_count_change() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    assert fingerprint(Frame(0, noise)) == fingerprint(Frame(1, noise.copy()))
    assert fingerprint(Frame(0, noise)) != fingerprint(Frame(0, noise + 1))


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'watch.stop'. Did you mean 'stop_after'"):
        Bench([1], watch={"stop": 1.0})
    with pytest.raises(ConfigError, match=r"watch.backoff -1 must be a number of seconds >= 0"):
        Bench([1], watch={"backoff": -1})
    with pytest.raises(ConfigError, match=r"watch.freeze_after False must be a number of seconds >= 0"):
        Bench([1], watch={"freeze_after": False})
