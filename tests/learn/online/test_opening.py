"""A start that fails leaves a session's folder as it was; what a session has written is never taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robot_rl.datasets import Dataset
from robot_rl.learn.online import recipe
from robot_rl.learn.online.opening import Opening, holds_session, steps_done, tallies
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.tally import Tally
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec("toy", 10.0, Layout((Field("q", (1,)),)), Layout((Field("v", (1,), low=(-1,), high=(1,)),)))


def failing(folder: Path, *, begun: bool = False, **changes: str) -> None:
    """Write a recipe there, and fail, before the session has begun or after."""
    with pytest.raises(RuntimeError, match="no gamepad"), Opening(folder) as opening:
        recipe.save(Recipe(**changes), folder)  # type: ignore[arg-type]
        (folder / "base").mkdir(exist_ok=True)
        if begun:
            opening.begun()
        raise RuntimeError("no gamepad")


def test_a_new_session_that_never_began_leaves_no_folder(tmp_path: Path) -> None:
    failing(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_others_had_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    failing(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_continued_session_keeps_its_recipe_and_everything_else(tmp_path: Path) -> None:
    recipe.save(Recipe(operator="expert"), tmp_path)
    before = (tmp_path / recipe.FILE).read_text()
    failing(tmp_path, operator="nobody")
    assert (tmp_path / recipe.FILE).read_text() == before
    assert (tmp_path / "base").is_dir(), "only what a new session wrote is taken away"


def test_after_the_beginning_nothing_is_undone(tmp_path: Path) -> None:
    recipe.save(Recipe(operator="expert"), tmp_path)
    failing(tmp_path, begun=True, operator="mixed")
    assert recipe.load(tmp_path / recipe.FILE).operator == "mixed"


def test_an_episode_or_a_saved_session_is_never_taken_away(tmp_path: Path) -> None:
    for name in ("recorded", "saved", "direction"):
        folder = tmp_path / name
        with pytest.raises(RuntimeError), Opening(folder):
            place = folder / "insert" if name == "direction" else folder
            recipe.save(Recipe(), place)
            if name == "saved":
                (place / "session.json").write_text("{}")
            else:
                Dataset.create(place / "episodes", SPEC).close()
                assert not holds_session(folder), "an empty data set is no session"
                (place / "episodes" / "zarr.json").write_text("{")  # cannot be read: somebody's data, perhaps
            raise RuntimeError
        assert holds_session(folder)
        assert (place / recipe.FILE).is_file()


def test_what_others_may_be_writing_is_spared(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(RuntimeError), Opening(folder, spare=("episodes",)):
        recipe.save(Recipe(), folder)
        recipe.save(Recipe(), folder / "insert")
        for place in (folder, folder / "insert"):
            Dataset.create(place / "episodes", SPEC).close()
        raise RuntimeError
    assert sorted(p.name for p in folder.iterdir()) == ["episodes", "insert"]
    assert (folder / "insert" / "episodes" / "zarr.json").is_file()


def test_a_session_and_its_directions_are_tallied_together_where_they_are_saved(tmp_path: Path) -> None:
    assert tallies(tmp_path) == {} and steps_done(tmp_path) == 0
    for name, steps in (("return", 100), ("insert", 140), ("begun", None), ("stray", 7)):
        (tmp_path / name).mkdir()
        if name != "stray":
            recipe.save(Recipe(), tmp_path / name)
        if steps is not None:
            tally = Tally(robot_steps=steps, episodes=3)
            (tmp_path / name / "session.json").write_text(json.dumps({"tally": tally.to_dict()}))
    found = tallies(tmp_path)
    assert [p.name for p in found] == ["insert", "return"] and found[tmp_path / "insert"].episodes == 3
    assert steps_done(tmp_path) == 240
