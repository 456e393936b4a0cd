"""What a bucket says of itself cannot make its reader write outside the mirror."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from robot_rl.datasets import DatasetError
from robot_rl.datasets.cloud.mirror import EpisodeMirror, mirror_folder


@pytest.mark.parametrize("identity", ["../x", "", ".", "/etc", "a" * 31, "A" * 32, "a" * 32 + "\n"])
def test_an_identity_that_is_none_becomes_no_path(identity: str) -> None:
    with pytest.raises(DatasetError, match="32 hexadecimal digits were expected"):
        mirror_folder(identity)
    assert mirror_folder(known := uuid.uuid4().hex).name == known


class Bucket:
    """Gives everything that is asked for."""

    url = "s3://bucket/lift"

    def download(self, keys: dict[str, tuple[Path, str]]) -> None:
        for path, _ in keys.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("theirs")


@pytest.mark.parametrize("path", ["../../../home/.bashrc", "streams/../../../../x", "{0}/x", "steps//x", "."])
def test_a_file_outside_its_episode_is_not_fetched(tmp_path: Path, path: str) -> None:
    (tmp_path / "home").mkdir()
    bucket: Any = Bucket()
    mirror = tmp_path / "mirror"
    episode = EpisodeMirror(bucket, mirror, mirror / "episodes/000000", 0)
    sound = {"steps/a/c.0": "", "streams/pose/value/c.0": ""}
    with pytest.raises(DatasetError, match="is no path inside a data set"):
        episode.whole({"checksums": sound | {path.format(tmp_path): ""}, "samples": {"pose": 1}})
    with pytest.raises(DatasetError, match="is no path inside a data set"):
        episode.part("streams/../..", sound)
    assert [p.name for p in (tmp_path / "home").iterdir()] == []
    assert {p.name for p in tmp_path.iterdir()} <= {"home", "mirror"}
