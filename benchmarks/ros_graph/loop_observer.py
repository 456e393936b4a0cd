"""A node that only listens to the graph, and says how well the control loop keeps time; prints one JSON line.

python -m ros_graph.loop_observer --robot bench_loop --camera front --seconds 60
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from robot_rl.datasets.record import Source
from robot_rl.hardware.config import load
from robot_rl.ros import codecs, topics, wire

WAIT = 60.0
"""[s] for the first action of the policy to reach the robot."""
SETTLE = 3.0
"""[s] after that before measuring begins."""


@dataclass
class Heard:
    """Stamps and arrival times [ns] of one topic."""

    stamps: list[int]
    arrivals: list[int]


class Observer(Node):  # type: ignore[misc]
    """Notes stamp and arrival of every image, policy action, decision and executed action."""

    def __init__(self, robot: str, camera: str) -> None:
        super().__init__("loop_observer")
        self.spec = load(robot).spec
        self.heard = {name: Heard([], []) for name in ("image", "proposal", "decision", "executed")}
        self.answers: dict[bytes, int] = {}
        """Policy action to the stamp of the reading that it answers."""
        self.answered: list[int] = []
        """For each decision the stamp of the reading that its policy action answers; -1 where the policy did not."""
        self.arbiter: dict[str, str] = {}
        """The arbiter's own figures, as it last published them."""
        stream = topics.stream(1000)
        self.create_subscription(Image, topics.image(camera), lambda m: self._note("image", m), stream)
        self.create_subscription(JointState, topics.POLICY_ACTION, self._on_proposal, stream)
        self.create_subscription(JointState, topics.DECISION, self._on_decision, stream)
        self.create_subscription(JointState, topics.EXECUTED, lambda m: self._note("executed", m), stream)
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, stream)

    def _note(self, name: str, message: Any) -> None:
        self.heard[name].arrivals.append(time.time_ns())
        self.heard[name].stamps.append(codecs.stamp_of(message))

    def _on_proposal(self, message: JointState) -> None:
        if not message.name:
            return  # the policy had no action to give
        self._note("proposal", message)
        action = codecs.unlabelled(message, self.spec.action.labels)
        self.answers[action.tobytes()] = codecs.stamp_of(message)

    def _on_decision(self, message: JointState) -> None:
        self._note("decision", message)
        decision = wire.read_decision(self.spec.action, message)
        acted = decision.source is Source.POLICY
        self.answered.append(self.answers.get(decision.proposed.tobytes(), -1) if acted else -1)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith("arbiter"):
                self.arbiter = {v.key: v.value for v in status.values}


def quantiles(values: NDArray[Any]) -> dict[str, float] | None:
    """Median and 99th percentile of times in ns, in ms."""
    if not values.size:
        return None
    p50, p99 = np.percentile(values * 1e-6, (50, 99))
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}


def report(observer: Observer, begin: int, end: int) -> dict[str, Any]:
    """What was heard between two times [ns].

    The latency from a camera counts from the frame's stamp to the arrival of the first executed action whose policy
    action answers a reading taken after the frame had arrived: the first that is certain to have seen it.
    """
    arrays = {n: (np.array(h.stamps, np.int64), np.array(h.arrivals, np.int64)) for n, h in observer.heard.items()}
    decided, told = arrays["decision"]
    answered = np.array(observer.answered, np.int64)
    inside = (decided >= begin) & (decided < end)
    ticks = decided[inside]
    period = observer.spec.period_ns
    executed = dict(zip(*(a.tolist() for a in arrays["executed"])))
    done = np.array([executed.get(stamp, -1) for stamp in decided.tolist()], np.int64)
    acted = (answered >= 0) & (done >= 0)
    from_reading = (done - answered)[inside & acted]
    proposed, proposal_came = arrays["proposal"]
    frames, frame_came = arrays["image"]
    seen = (frames >= begin) & (frames < end)
    first = np.searchsorted(answered[acted], frame_came[seen])
    known = first < acted.sum()
    from_camera = done[acted][first[known]] - frames[seen][known]
    shown = (proposed >= begin) & (proposed < end)
    return {
        "ticks": {
            "expected": round((end - begin) / period),
            "heard": int(inside.sum()),
            "executed": int((done >= 0)[inside].sum()),
            "by_the_policy": int((acted & inside).sum()),
        },
        "tick_error_ms": quantiles(np.abs(np.diff(ticks) - period)),
        "latency_ms": {
            "camera_to_executed": quantiles(from_camera),
            "camera_to_subscriber": quantiles((frame_came - frames)[seen]),
            "reading_to_policy_action": quantiles((proposal_came - proposed)[shown]),
            "reading_to_executed": quantiles(from_reading),
            "decision_to_subscriber": quantiles((told - decided)[inside]),
            "decision_to_executed": quantiles((done - decided)[inside & (done >= 0)]),
        },
        "camera_frames": int(seen.sum()),
        "arbiter": {k: float(v) for k, v in observer.arbiter.items() if k.endswith("_ms")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", required=True)
    parser.add_argument("--camera", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    rclpy.init(args=[])
    observer = Observer(options.robot, options.camera)
    executor = SingleThreadedExecutor()
    executor.add_node(observer)

    def listen(until: float) -> None:
        while time.monotonic() < until:
            executor.spin_once(timeout_sec=0.05)

    deadline = time.monotonic() + WAIT
    while not any(stamp >= 0 for stamp in observer.answered):
        if time.monotonic() > deadline:
            raise SystemExit(f"no action of the policy was carried out within {WAIT:.0f} s")
        listen(time.monotonic() + 0.2)
    listen(time.monotonic() + SETTLE)
    begin = time.time_ns()
    print("measuring", flush=True)
    listen(time.monotonic() + options.seconds)
    end = time.time_ns()
    print("measured", flush=True)
    listen(time.monotonic() + 1.5)
    print(json.dumps(report(observer, begin, end)), flush=True)
    observer.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
