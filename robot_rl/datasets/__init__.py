"""Data sets: episodes in Zarr, recorded without loss and read fast.

`Dataset` opens, creates and appends; `Episode` is one attempt; `record` has the words for what happens in a step.
Behind them: `store`, how it lies on disk; `recording`, while the robot moves; `sampling`, what training reads; `edit`,
`check` and `report`, looking after what is there; `convert` and `cloud`, other formats and other places.
"""

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode, Stream
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Phase, Sample, Source, Step
from robot_rl.datasets.recording.writer import EpisodeWriter

__all__ = ["Dataset", "DatasetError", "Episode", "EpisodeWriter", "Phase", "Sample", "Source", "Step", "Stream"]
