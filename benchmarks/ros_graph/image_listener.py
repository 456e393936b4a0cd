"""A subscriber to camera topics that counts numbered pictures; prints one JSON line when the last has come.

What was published is known from the CameraInfo of each picture, which is small, and has the same stamp.

    python -m ros_graph.image_listener left,right --warm-up 4 --seconds 30 --qos stream
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from robot_rl.ros import codecs, topics
from ros_graph import coded_video

SILENCE = 3.0
"""[s] without a sign of the cameras, once they have begun, after which no more is waited for."""


class Listener(Node):  # type: ignore[misc]
    """Notes number, stamp and age of each picture of each camera, and the stamps that were published."""

    def __init__(self, cameras: list[str], qos: str) -> None:
        super().__init__("image_listener")
        self.published: dict[str, list[int]] = {name: [] for name in cameras}
        self.arrived: dict[str, dict[int, tuple[int, float]]] = {name: {} for name in cameras}
        """Camera to stamp [ns] to number and age at arrival [ms]."""
        self.torn = 0
        self._heard = 0.0
        profile = qos_profile_sensor_data if qos == "sensor_data" else topics.stream(10)
        for name in cameras:
            self.create_subscription(Image, topics.image(name), lambda m, n=name: self._on_image(n, m), profile)
            self.create_subscription(
                CameraInfo, topics.camera_info(name), lambda m, n=name: self._on_info(n, m), topics.stream(1000)
            )

    def _on_info(self, name: str, message: CameraInfo) -> None:
        self._heard = time.monotonic()
        self.published[name].append(codecs.stamp_of(message))

    def _on_image(self, name: str, message: Image) -> None:
        stamp = codecs.stamp_of(message)
        age = (time.time_ns() - stamp) * 1e-6
        number = coded_video.read(codecs.decode_image(message))
        if number is None:
            self.torn += 1
        else:
            self.arrived[name][stamp] = (number, age)

    def silent(self) -> bool:
        """The cameras have begun, and fallen silent."""
        return self._heard > 0.0 and time.monotonic() - self._heard > SILENCE

    def report(self, warm_up: float) -> dict[str, Any]:
        """What was captured (by number) and published after the first `warm_up` seconds, and what of it arrived."""
        published = captured = 0
        ages: list[float] = []
        for name, stamps in self.published.items():
            begin = min(stamps) + round(warm_up * 1e9)
            counted = [s for s in stamps if s >= begin]
            got = [self.arrived[name][s] for s in counted if s in self.arrived[name]]
            published += len(counted)
            captured += got[-1][0] - got[0][0] + 1 if got else 0
            ages += [age for _, age in got]
        p50, p99 = np.percentile(ages, (50, 99)) if ages else (0.0, 0.0)
        return {
            "captured": captured,
            "published": published,
            "arrived": len(ages),
            "arrived_share": round(len(ages) / published, 4),
            "torn": self.torn,
            "latency_ms": {"p50": round(float(p50), 2), "p99": round(float(p99), 2)} if ages else None,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cameras")
    parser.add_argument("--warm-up", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--qos", choices=("stream", "sensor_data"), default="stream")
    options = parser.parse_args()
    rclpy.init(args=[])
    listener = Listener(options.cameras.split(","), options.qos)
    print("listening", flush=True)
    deadline = time.monotonic() + options.warm_up + options.seconds + 30.0
    while not listener.silent() and time.monotonic() < deadline:
        rclpy.spin_once(listener, timeout_sec=0.1)
    if not all(listener.published.values()):
        raise SystemExit("no camera was heard")
    print(json.dumps(listener.report(options.warm_up)), flush=True)
    listener.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
