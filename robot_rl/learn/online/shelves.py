"""The data sets of a recording: one, or one for each direction of a practice, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import CameraConfig
from robot_rl.learn.online.marks import Marks
from robot_rl.runtime.keys import Undo
from robot_rl.runtime.recorder import Recorder
from robot_rl.spec import Spec


class Shelves:
    """Each is opened when it is first recorded to; the direction's name comes before that of the data set.

    Args:
        path: of the data set where there are no directions.
        taken_back: told of each episode whose mark was taken back, as it is now, and whether that was a success.
        say: a line for the user.
    """

    def __init__(
        self,
        path: Path,
        spec: Spec,
        cameras: Mapping[str, CameraConfig],
        taken_back: Callable[[Episode, bool], None],
        say: Callable[[str], None],
    ) -> None:
        self._path, self._spec, self._cameras = path, spec, dict(cameras)
        self._taken_back, self._say = taken_back, say
        self._undo, self._of_the_saved = Undo(), 0
        self._open: dict[str, tuple[Recorder, Marks]] = {}
        self._intrinsics: dict[str, Intrinsics] = {}
        self._direction = ""

    def take(self, direction: str) -> Recorder:
        """Record to the data set of this direction from now on. Raises DatasetError."""
        if direction not in self._open:
            path = self._path.parent / direction / self._path.name if direction else self._path
            dataset = Dataset.open_or_create(path, self._spec, self._cameras)
            self._open[direction] = Recorder(dataset), Marks(self._undo, dataset, self._taken_back, self._say)
            for name, intrinsics in self._intrinsics.items():
                dataset.set_intrinsics(name, intrinsics)
        self._direction = direction
        return self._open[direction][0]

    def set_intrinsics(self, camera: str, intrinsics: Intrinsics) -> None:
        """Of one camera, for every data set."""
        self._intrinsics[camera] = intrinsics
        for recorder, _ in self._open.values():
            recorder.dataset.set_intrinsics(camera, intrinsics)

    def undo(self, *, saving: bool = False) -> None:
        """The newest mark that stands is to be taken back, at the next `settle`.

        Args:
            saving: that is the mark of an episode that is over and about to be saved.
        """
        if saving:
            self._of_the_saved += 1
        else:
            self._undo()

    def settle(self, number: int | None = None, *, marked: bool = False) -> None:
        """No episode is under way: take marks back that somebody wants back, then note the newest episode's own.

        Args:
            number: of the episode in the data set; None where there is none.

        Raises:
            DatasetError: the record cannot be changed; nothing is.
        """
        wishes, self._of_the_saved = self._of_the_saved, 0
        if self._direction not in self._open:
            return
        _, marks = self._open[self._direction]
        marks.add(number, marked=marked)
        if wishes and number is None:
            self._say("undo: that episode is discarded, and the marks before it stand")
        elif wishes:
            for _ in range(wishes):
                self._undo()
            marks.settle()

    def close(self) -> None:
        """Every data set is closed."""
        for recorder, _ in self._open.values():
            recorder.dataset.close()
