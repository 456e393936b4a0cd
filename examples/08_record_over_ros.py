"""The same recording as 02, with every part a ROS 2 node in a process of its own, started from Python."""

from __future__ import annotations

import argparse
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.runtime.launch import Launch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/over_ros"))
    parser.add_argument("--episodes", type=int, default=3)
    options = parser.parse_args()

    arguments = {
        "robot": "sim_lift",
        "device": "scripted",
        "cameras": "none",
        "dataset": str(options.dataset.absolute()),
        "episodes": str(options.episodes),
        "lockstep": "true",  # simulated time, as fast as the nodes answer; leave it out for real time
    }
    with Launch("record", arguments, quiet=True) as nodes:
        print("nodes:", ", ".join(nodes.pids))
        code = nodes.wait(timeout=300)
    print(f"ended with code {code}; the data set holds {len(Dataset.open(options.dataset))} episodes")


if __name__ == "__main__":
    main()
