"""Data sets: episodes in Zarr, recorded without loss and read fast.

`Dataset` opens, creates and appends; `Episode` is one attempt; `Windows` draws training samples.
"""

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode, Stream
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Phase, Sample, Source, Step
from robot_rl.datasets.writer import EpisodeWriter

__all__ = ["Dataset", "DatasetError", "Episode", "EpisodeWriter", "Phase", "Sample", "Source", "Step", "Stream"]
