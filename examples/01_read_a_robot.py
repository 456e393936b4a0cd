"""Make a robot from its robot.yaml, read it, send it an action, and see time pass through its clock."""

from __future__ import annotations

import argparse

import numpy as np

from robot_rl.hardware.config import load, make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--robot", default="sim_lift")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()

    config = load(options.robot)
    robot = make(config)
    reading = robot.reset(seed=0)
    for name, value in reading.values.items():
        field = config.spec.observation[name]
        print(f"{name:<18}{np.array2string(value, precision=3)} {field.unit}")

    # Straight up at half speed: name the numbers, let the layout put them where they belong.
    action = np.zeros(config.spec.action.size)
    up = next(i for i, label in enumerate(config.spec.action.labels) if label in ("twist.vz", "velocity.z"))
    action[up] = 0.5 * config.spec.action.high[up]
    pose = next(f.name for f in config.spec.observation.values() if f.kind == "pose")
    before = reading.values[pose][2]
    start = robot.clock.now()
    for step in range(1, options.steps + 1):
        robot.send(action)
        robot.clock.sleep_until(start + step * config.spec.period_ns)  # a simulation steps its physics here
    after = robot.read().values[pose][2]
    seconds = options.steps / config.spec.rate
    print(f"\nrose {after - before:.3f} m in {seconds:.2f} s; asked for {action[up] * seconds:.3f} m")
    robot.close()


if __name__ == "__main__":
    main()
