"""Fills a tiny file system with episodes until it is full; prints how that came out."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from robot_rl.datasets import Dataset, DatasetError, Sample
from robot_rl.datasets.store.verify import verify

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import CAMERAS, SPEC, step  # type: ignore[import-not-found]  # isort: skip


def record_until_full(dataset: Dataset, rng: np.random.Generator) -> str:
    """Record episodes of 40 frames of noise; the message when one fails."""
    while True:
        try:
            with dataset.new_episode() as writer:
                for t in range(40):
                    writer.add_sample(Sample("wrist", t, rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)))
                    writer.add_step(step(t))
                writer.commit(True)
        except DatasetError as error:
            return str(error)


def main(path: Path) -> None:
    rng = np.random.default_rng(0)
    with Dataset.create(path, SPEC, CAMERAS) as dataset:
        (path.parent / "ballast").write_bytes(bytes(200_000))
        print(record_until_full(dataset, rng))
        before = len(dataset)
        print(before, len(list(verify(dataset))), len(dataset.unfinished()))
        (path.parent / "ballast").unlink()  # room again: recording goes on in the same session
        record_until_full(dataset, rng)
        print(len(dataset) > before)
    with Dataset.open(path, "a") as again:
        print(len(again) == len(dataset), len(list(verify(again))), again.journal.damage)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
