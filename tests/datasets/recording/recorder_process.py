"""A process that records short episodes until it is killed, and says which are committed."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step


def main(path: str) -> None:
    rng = np.random.default_rng()
    with Dataset.open(Path(path), "a") as dataset:
        print("ready", flush=True)
        while True:
            digest = hashlib.sha256()
            with dataset.new_episode() as writer:
                for t in range(int(rng.integers(1, 12))):
                    joints, frame = rng.normal(size=2), rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
                    executed = rng.normal(size=3)
                    writer.add_sample(Sample("joints", t, joints))
                    writer.add_sample(Sample("wrist", t, frame))
                    writer.add_step(Step(t, executed, executed, executed, Source.HUMAN, Phase.DEMONSTRATION))
                    for array in (joints, frame, executed):
                        digest.update(array.tobytes())
                number = writer.commit(True)
            print(number, digest.hexdigest(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
