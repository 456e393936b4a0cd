"""The OpenCV driver, on video files and on a network stream served here."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.hardware.camera import CameraError
from robot_rl.hardware.cameras.latest import CameraEndedError, CameraLostError
from robot_rl.hardware.cameras.opencv import OpenCVCamera
from robot_rl.hardware.cameras.registry import make_camera
from robot_rl.hardware.cameras.watch import WatchedCamera
from robot_rl.hardware.config import CameraConfig, ConfigError

cv2 = pytest.importorskip("cv2", reason="pip install 'robot_rl[camera]'")

W, H = 64, 48


def config(source: object, width: int = W, fps: float = 30.0, **options: Any) -> CameraConfig:
    return CameraConfig("front", "opencv", width, H, fps, options={"source": source, **options})


def picture(n: int) -> np.ndarray:
    """BGR; red grows with the frame's number, blue stays."""
    return np.full((H, W, 3), (200, 0, 10 * n), np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> str:
    """Ten frames at 50 Hz."""
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 50.0, (W, H))
    for n in range(10):
        writer.write(picture(n))
    writer.release()
    return path


@contextlib.contextmanager
def opened(cfg: CameraConfig) -> Iterator[OpenCVCamera]:
    camera = OpenCVCamera(cfg)
    camera.open()
    try:
        yield camera
    finally:
        camera.close()


def test_a_file_plays_as_rgb_at_its_own_rate_and_says_when_it_ends(video: str) -> None:
    with opened(config(video)) as camera:
        frames = []
        with pytest.raises(CameraEndedError, match=r"ended after 10 frames; set options.loop: true"):
            while True:
                frames.append(camera.read())
    assert frames[-1].number == 10
    for frame in frames:
        assert abs(frame.color[24, 32].astype(int) - [10 * (frame.number - 1), 0, 200]).max() <= 6  # JPEG
    elapsed = (frames[-1].stamp - frames[0].stamp) * 1e-9
    assert (frames[-1].number - frames[0].number) / 50 - 0.03 < elapsed < 1.0
    assert abs(frames[-1].stamp - time.time_ns()) < 1e9


def test_a_looping_file_begins_again(video: str) -> None:
    with opened(config(video, loop=True)) as camera:
        reds = [int(camera.read().color[24, 32, 0]) for _ in range(15)]
        assert camera.read().number >= 16
    assert any(b < a - 20 for a, b in itertools.pairwise(reds))


def test_a_slow_reader_gets_the_newest_frame_and_the_gap_shows(video: str) -> None:
    with opened(config(video, loop=True)) as camera:
        first = camera.read()
        time.sleep(0.3)
        second = camera.read()
    assert second.number - first.number >= 8
    assert second.stamp - first.stamp > 200_000_000


def test_reading_faster_than_the_camera_waits_and_then_gives_up(video: str) -> None:
    with opened(config(video, loop=True)) as camera:
        camera.read()
        with pytest.raises(CameraError, match=r"no frame within 0.001 s"):
            for _ in range(3):
                camera.read(timeout=0.001)


def test_a_picture_of_another_size_is_refused_unless_resizing_is_asked_for(video: str) -> None:
    with pytest.raises(CameraError, match=r"gives 64x48, robot.yaml says 32x48: .*options.resize: true"):
        OpenCVCamera(config(video, width=32)).open()
    with opened(config(video, width=32, resize=True)) as camera:
        assert camera.read().color.shape == (48, 32, 3)
        assert camera.status()["source_resolution"] == "64x48"


def test_without_a_calibration_the_intrinsics_are_flagged_as_a_guess(video: str) -> None:
    with opened(config(video, fov=90.0)) as camera:
        assert camera.status()["calibrated"] is False
        assert camera.intrinsics.fx == pytest.approx(32.0)  # half the width at 90 degrees


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (97, "/dev/video97 does not exist. Video devices found"),
        ("/dev/video98", "/dev/video98 does not exist"),
        ("missing.avi", r"missing.avi: no such file"),
        (__file__, "is not a video file"),
        ("http://127.0.0.1:1/x.mjpg", "does not answer with a stream; check address"),
    ],
)
def test_a_source_that_does_not_open_says_why(source: object, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        OpenCVCamera(config(source)).open()


def test_an_unknown_option_and_depth_are_refused(video: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'lop'. Did you mean 'loop'"):
        OpenCVCamera(config(video, lop=True))
    with pytest.raises(ConfigError, match="gives no depth"):
        OpenCVCamera(CameraConfig("front", "opencv", W, H, 30.0, depth=True))


class StreamHandler(http.server.BaseHTTPRequestHandler):
    """Motion JPEG, as many network cameras give it: twenty pictures, then the connection breaks."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for n in range(20):
                data = cv2.imencode(".jpg", picture(n))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StreamHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/stream.mjpg"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_network_stream_is_read_and_its_end_is_a_lost_camera(url: str) -> None:
    with opened(config(url)) as camera:
        reds = []
        with pytest.raises(CameraLostError, match="stopped"):
            while True:
                reds.append(int(camera.read(timeout=5.0).color[24, 32, 0]))
    assert len(reds) > 5
    assert reds == sorted(reds)


def test_watched_a_network_stream_that_breaks_off_goes_on(url: str) -> None:
    cfg = config(url)
    camera = WatchedCamera(lambda: make_camera(cfg), cfg)
    camera.open()
    numbers, deadline = [0], time.monotonic() + 20
    try:
        while camera.status()["reconnects"] < 2 and time.monotonic() < deadline:
            with contextlib.suppress(CameraError):
                numbers.append(camera.read(timeout=0.5).number)
        status = camera.status()
    finally:
        camera.close()
    assert status["reconnects"] == 2
    assert "stopped" in status["last_error"]
    assert all(b > a for a, b in itertools.pairwise(numbers))
