"""What one tick of the arbiter costs in CPU time, by part, without anything else running in the process.

python -m ros_graph.tick_cost --robot bench_loop
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import JointState

from robot_rl.hardware.config import load
from robot_rl.hardware.robot import Reading
from robot_rl.ros import codecs, topics, wire
from robot_rl.runtime.arbiter import Arbiter, Proposal

TICKS, UNCOUNTED = 3000, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", required=True)
    config = load(parser.parse_args().robot)
    spec, arbiter = config.spec, Arbiter.from_config(config)
    arbiter.reset("deployment")
    rclpy.init(args=[])
    node = Node("tick_cost")
    command = node.create_publisher(JointState, topics.COMMAND, topics.stream(10))
    told = node.create_publisher(JointState, topics.DECISION, topics.kept())
    rng = np.random.default_rng(0)
    values = {f.name: np.zeros(f.size) for f in spec.observation.vectors}
    values["pose"][[2, 6]] = 1.0
    costs = []
    for _ in range(TICKS + UNCOUNTED):
        now = time.time_ns()
        reading = Reading(values, dict.fromkeys(values, now))
        proposal = Proposal(now, rng.uniform(-0.05, 0.05, spec.action.size))
        begun = time.thread_time_ns()
        decision = arbiter.decide(now, reading, None, proposal)
        decided = time.thread_time_ns()
        command.publish(codecs.labelled(decision.stamp, spec.action.labels, decision.action))
        told.publish(wire.decision_message(spec.action, decision))
        ended = time.thread_time_ns()
        costs.append((decided - begun, ended - decided, ended - begun))
        time.sleep(0.0005)
    report = {}
    for part, column in zip(("decide", "encode_and_publish", "all"), np.array(costs[UNCOUNTED:]).T * 1e-6):
        p50, p99 = np.percentile(column, (50, 99))
        report[part] = {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}
    node.destroy_node()
    rclpy.try_shutdown()
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
