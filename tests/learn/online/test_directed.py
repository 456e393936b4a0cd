"""What is named for a session, or for one direction of it, keeps its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.datasets.store.place import dataset_path
from robot_rl.learn.online.directed import located


@pytest.mark.parametrize("direction", ["", "insert="])
def test_an_address_in_an_object_store_stays_one(
    direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert located(f"{direction}s3://bucket/lift", dataset_path) == f"{direction}s3://bucket/lift"
    assert located(f"{direction}./lift", dataset_path) == f"{direction}{tmp_path / 'lift'}"
