"""Where a learner listens, or why there is none: told in the session's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.remote import address


def test_an_address_is_found_until_it_is_forgotten(tmp_path: Path) -> None:
    assert address.find(tmp_path) is None
    address.tell(tmp_path, "ws://here:1", "secret")
    assert address.find(tmp_path) == ("ws://here:1", "secret")
    address.forget(tmp_path)
    assert address.find(tmp_path) is None


@pytest.mark.parametrize("taken_up", [address.find, address.forget])
def test_a_refusal_is_told_once_and_leaves_nothing(tmp_path: Path, taken_up) -> None:  # type: ignore[no-untyped-def]
    session = tmp_path / "runs" / "new"
    address.refuse(session, "no such data set")
    if taken_up is address.find:
        with pytest.raises(TrainingError, match="no such data set"):
            address.find(session)
    else:
        address.forget(session)
    assert address.find(session) is None
    assert not list(tmp_path.iterdir()), "the folders that the refusal made are gone"


def test_a_refusal_takes_no_folder_away_that_was_there_or_is_used(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for session in (tmp_path / "old", tmp_path / "new"):
        address.refuse(session, "no")
    (tmp_path / "new" / "episodes").mkdir()
    address.forget(tmp_path / "old")
    address.forget(tmp_path / "new")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == ["new", "new/episodes", "old"]
