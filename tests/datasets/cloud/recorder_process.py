"""A process that records short episodes to an object store until it is killed, and says which are committed."""

from __future__ import annotations

import sys

import numpy as np

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step


def main(url: str) -> None:
    rng = np.random.default_rng()
    with Dataset.open(url, "a") as dataset:
        for episode in dataset:  # sent from the outbox on opening
            print(episode.number, episode.attributes["mark"], flush=True)
        print("ready", flush=True)
        while True:
            mark = int(rng.integers(1 << 50))
            with dataset.new_episode(mark=mark) as writer:
                for t in range(3):
                    writer.add_sample(Sample("joints", t, np.full(2, float(mark))))
                    writer.add_sample(Sample("wrist", t, rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)))
                    u = np.full(3, float(mark))
                    writer.add_step(Step(t, u, u, u, Source.HUMAN, Phase.DEMONSTRATION))
                print("sending", mark, flush=True)
                number = writer.commit(True)
            print(number, mark, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
