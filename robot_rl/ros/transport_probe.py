"""Two ends of a camera topic, for `robot-rl doctor`: `python -m robot_rl.ros.transport_probe talk|listen`.

Each prints one JSON line. The talker waits for its listener, sends, and waits until all was acknowledged.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from sensor_msgs.msg import Image

from robot_rl.ros.codecs import decode_image, encode_image, stamp_of
from robot_rl.ros.topics import stream

TOPIC = "robot_rl_doctor/image_raw"
SHAPE = (480, 640, 3)
DISCOVERY_TIMEOUT = 8.0
"""[s]"""


def _picture(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A picture that tells its number in every row, so that a torn one is noticed."""
    return np.full(SHAPE, number % 251, np.uint8)


def talk(node: Node, seconds: float, rate: float) -> dict[str, float]:
    """Send `seconds * rate` pictures on absolute deadlines once a listener is there."""
    publisher = node.create_publisher(Image, TOPIC, stream())
    begun = time.monotonic()
    while not publisher.get_subscription_count():
        if time.monotonic() - begun > DISCOVERY_TIMEOUT:
            return {"matched": 0, "discovery_s": DISCOVERY_TIMEOUT, "sent": 0}
        time.sleep(0.02)
    discovery = time.monotonic() - begun
    time.sleep(0.2)
    total = round(seconds * rate)
    message: Image | None = None
    start = time.monotonic()
    for number in range(total):
        time.sleep(max(0.0, start + number / rate - time.monotonic()))
        message = encode_image(time.time_ns(), f"{number}/{total}", _picture(number), message)
        publisher.publish(message)
    publisher.wait_for_all_acked(Duration(seconds=2))
    return {"matched": 1, "discovery_s": discovery, "sent": total}


def listen(node: Node, seconds: float, rate: float) -> dict[str, float]:
    """Count the pictures that arrive intact, until the last one or until nothing comes any more."""
    latencies: list[float] = []
    intact = 0
    last = time.monotonic() + DISCOVERY_TIMEOUT
    done = False

    def on_image(message: Image) -> None:
        nonlocal intact, last, done
        latencies.append((time.time_ns() - stamp_of(message)) * 1e-6)
        number, total = (int(part) for part in message.header.frame_id.split("/"))
        intact += bool(np.array_equal(decode_image(message), _picture(number)))
        last = time.monotonic()
        done = number == total - 1

    node.create_subscription(Image, TOPIC, on_image, stream())
    while not done and time.monotonic() < last + 2.0:
        rclpy.spin_once(node, timeout_sec=0.1)
    p50, p99 = np.percentile(latencies, (50, 99)) if latencies else (0.0, 0.0)
    return {"intact": intact, "p50_ms": float(p50), "p99_ms": float(p99)}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("talk", "listen"))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=30.0)
    options = parser.parse_args(argv)
    rclpy.init(args=[])
    node = Node(f"robot_rl_doctor_{options.role}")
    try:
        report = (talk if options.role == "talk" else listen)(node, options.seconds, options.rate)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
