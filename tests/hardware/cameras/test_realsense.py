"""The RealSense driver, run on the SDK's software device."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from robot_rl.hardware.camera import CameraError
from robot_rl.hardware.clock import ManualClock
from robot_rl.hardware.config import CameraConfig, ConfigError

pytest.importorskip(
    "pyrealsense2", exc_type=ImportError, reason="pip install 'robot_rl[realsense]' and apt install libusb-1.0-0"
)

from robot_rl.hardware.cameras.realsense import RealSenseCamera, millimetres
from robot_rl.hardware.cameras.simulated import SimulatedRealSense

W, H = 64, 48


def config(depth: bool = True, width: int = W, **options: Any) -> CameraConfig:
    return CameraConfig("wrist", "realsense", width, H, 30.0, depth=depth, options=options)


def picture(level: int) -> np.ndarray:
    return np.full((H, W, 3), (level, 0, 255 - level), np.uint8)


def depth(counts: int) -> np.ndarray:
    return np.full((H, W), counts, np.uint16)


@pytest.fixture
def twin() -> SimulatedRealSense:
    return SimulatedRealSense()


@pytest.fixture
def camera(twin: SimulatedRealSense) -> Iterator[RealSenseCamera]:
    made = RealSenseCamera(config(), clock=ManualClock(10**12), devices=lambda: [twin.device])
    made.open()
    yield made
    made.close()


def stream(twin: SimulatedRealSense, camera: RealSenseCamera, since: float = 0.0, **kwargs: Any) -> Any:
    """Frames 1, 2, 3 ... every 10 ms until one arrives: the syncer needs two pairs before it matches. They are stamped
    every 33 ms after `since` [ms]."""
    done = threading.Event()

    def push() -> None:
        for n in range(1, 100):
            twin.push(n, since + 33.0 * n, picture(n), depth(1000 + n), **kwargs)
            if done.wait(0.01):
                return

    thread = threading.Thread(target=push)
    thread.start()
    try:
        return camera.read(timeout=2.0)
    finally:
        done.set()
        thread.join()


def test_colour_and_aligned_depth_of_one_moment_come_together(
    twin: SimulatedRealSense, camera: RealSenseCamera
) -> None:
    frame = stream(twin, camera)
    np.testing.assert_array_equal(frame.color, picture(frame.number))
    assert frame.depth is not None
    assert set(np.unique(frame.depth)) <= {0, 1000 + frame.number}
    assert np.count_nonzero(frame.depth) > 0.9 * frame.depth.size  # rounding leaves a row or two unknown
    assert frame.color.dtype == np.uint8 and frame.depth.dtype == np.uint16


def test_alignment_shifts_depth_by_the_parallax_of_the_baseline() -> None:
    twin = SimulatedRealSense(baseline=0.05, focal=100.0)  # disparity f b / z = 100 * 0.05 / 1 = 5 px at 1 m
    camera = RealSenseCamera(config(), devices=lambda: [twin.device])
    camera.open()
    try:
        raw = np.zeros((H, W), np.uint16)
        raw[10:38, 30:40] = 1000
        deadline = time.monotonic() + 5
        for n in range(1, 100):
            twin.push(n, 33.0 * n, picture(n), raw)
            try:
                frame = camera.read(timeout=0.02)
                break
            except CameraError:
                assert time.monotonic() < deadline
    finally:
        camera.close()
    assert frame.depth is not None
    columns = np.flatnonzero(frame.depth[24])
    assert (columns.min(), columns.max()) in {(25, 34), (25, 35), (24, 34), (24, 35)}  # edges may spill by a pixel


def test_a_hardware_stamp_is_mapped_to_system_time(twin: SimulatedRealSense, camera: RealSenseCamera) -> None:
    frame = stream(twin, camera)
    assert frame.clock == "hardware"
    assert frame.stamp == 10**12  # the first frame arrived now; later ones count from there
    assert camera.status()["clock"] == "hardware"


def test_a_stamp_that_the_sdk_already_mapped_is_kept(twin: SimulatedRealSense, camera: RealSenseCamera) -> None:
    since = 1e6 - 100.0  # the clock stands at 10**12 ns
    frame = stream(twin, camera, since, domain="global_time")
    assert frame.clock == "system"
    assert frame.stamp == round((since + 33.0 * frame.number) * 1e6)


def test_a_slow_reader_gets_the_newest_frame(twin: SimulatedRealSense) -> None:
    camera = RealSenseCamera(config(depth=False), devices=lambda: [twin.device])
    camera.open()
    for n in range(1, 30):
        twin.push(n, 33.0 * n, picture(n))
    time.sleep(0.1)
    assert camera.read(timeout=1.0).number == 29
    with pytest.raises(CameraError, match=r"no frame within 0.05 s"):
        camera.read(timeout=0.05)
    camera.close()


def test_colour_without_depth_is_never_passed_off_as_a_pair(twin: SimulatedRealSense, camera: RealSenseCamera) -> None:
    for n in range(1, 10):
        twin.push(n, 33.0 * n, picture(n))
    with pytest.raises(CameraError, match=r"no pair of colour and depth within 0.2 s"):
        camera.read(timeout=0.2)


def test_intrinsics_come_from_the_device(camera: RealSenseCamera) -> None:
    k = camera.intrinsics
    assert (k.width, k.height, k.fx, k.fy, k.cx, k.cy) == (W, H, 50.0, 50.0, 32.0, 24.0)
    assert k.distortion == (0.0,) * 5


def test_depth_in_other_units_becomes_millimetres() -> None:
    raw = np.array([[0, 1, 10_000, 65_535]], np.uint16)
    np.testing.assert_array_equal(millimetres(raw, 0.001), raw)
    np.testing.assert_array_equal(millimetres(raw, 0.0001), [[0, 0, 1000, 6554]])
    np.testing.assert_array_equal(millimetres(raw, 0.01), [[0, 10, 0, 0]])  # 100 m and 655 m do not fit


def test_the_serial_number_chooses_the_camera() -> None:
    twins = [SimulatedRealSense("111"), SimulatedRealSense("222")]
    camera = RealSenseCamera(config(serial="222"), devices=lambda: [t.device for t in twins])
    camera.open()
    assert camera.status()["serial"] == "222"
    camera.close()


@pytest.mark.parametrize(
    ("serials", "options", "message"),
    [
        ((), {}, "no RealSense is plugged in"),
        (("111", "222"), {}, r"options.serial must say which of these: .*\(111\), .*\(222\)"),
        (("111",), {"serial": "333"}, r"no RealSense with serial '333'. Found: Simulated RealSense \(111\)"),
    ],
)
def test_a_camera_that_is_not_there_is_refused_with_those_found(serials: tuple, options: dict, message: str) -> None:
    twins = [SimulatedRealSense(s) for s in serials]
    camera = RealSenseCamera(config(**options), devices=lambda: [t.device for t in twins])
    with pytest.raises(CameraError, match=message):
        camera.open()


def test_a_size_it_does_not_offer_is_refused_with_those_it_does(twin: SimulatedRealSense) -> None:
    camera = RealSenseCamera(config(width=640), devices=lambda: [twin.device])
    with pytest.raises(CameraError, match=r"no color of 640x48 at 30 Hz.*64x48 at 30 Hz"):
        camera.open()


def test_it_can_be_opened_again_after_closing(twin: SimulatedRealSense, camera: RealSenseCamera) -> None:
    stream(twin, camera)
    camera.close()
    with pytest.raises(CameraError, match=r"is not open: call open\(\) first"):
        camera.read()
    camera.open()
    assert stream(twin, camera).number >= 1


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'seriall'. Did you mean 'serial'"):
        RealSenseCamera(config(seriall="1"))
