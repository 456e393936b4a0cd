from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from robot_rl.datasets import Dataset, DatasetError, EpisodeWriter, Phase, Sample, Source, Step
from robot_rl.datasets.edit.apply import Edit, apply, compact, trash_bytes, undo
from robot_rl.datasets.edit.divide import Split, Trim
from robot_rl.datasets.edit.merge import Merge
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.datasets.edit.remove import Delete, Keep
from robot_rl.datasets.edit.rename import Rename
from robot_rl.datasets.edit.transaction import records

PERIOD = 50_000_000
Content = Callable[[Path], dict[str, str]]
Sound = Callable[[Dataset], bool]


def test_deleted_episodes_are_gone_and_their_numbers_are_not_used_again(four: Dataset, sound: Sound) -> None:
    apply(four, Delete((1, 3)))
    assert four.numbers == (0, 2)
    assert sound(four)
    four.close()
    journal = four.path / ".robot_rl" / "journal.jsonl"
    journal.write_text("torn")  # what rebuilds the journal from the directories must know it too
    with Dataset.open(four.path, "a") as again:
        assert again.numbers == (0, 2)
        assert again.journal.next_number == 4


def test_keep_deletes_every_other_episode(four: Dataset) -> None:
    apply(four, Keep((2,)))
    assert four.numbers == (2,)
    with pytest.raises(DatasetError, match="holds no other episodes than 2"):
        apply(four, Keep((2,)))


def test_relabelling_changes_the_words_and_nothing_else(four: Dataset, sound: Sound, content: Content) -> None:
    before = content(four.path)
    apply(four, Relabel((1, 2), success="none", instruction="push the cube", operator="bo"))
    after = content(four.path)
    assert {p for p in before if before[p] != after[p]} == {"episodes/000001/zarr.json", "episodes/000002/zarr.json"}
    assert [e.success for e in four] == [True, None, None, True]
    assert [e.attributes["instruction"] for e in four] == ["lift", "push the cube", "push the cube", "lift"]
    assert four.journal.entries[1].success is None
    assert sound(four)


def test_the_phase_of_a_range_of_steps_is_relabelled(four: Dataset, sound: Sound) -> None:
    apply(four, Relabel((3,), phase=Phase.CORRECTION, steps=(2, 4)))
    D, C = Phase.DEMONSTRATION, Phase.CORRECTION
    assert four.episode(3).steps["phase"].tolist() == [D, D, C, C, D, D, D]
    stored = zarr.open_group(four.path, mode="r")["episodes/000003/steps/phase"]
    np.testing.assert_array_equal(stored[:], four.episode(3).steps["phase"])
    assert sound(four)


def test_a_trimmed_episode_sees_what_it_saw_and_is_truncated_where_it_was_cut(four: Dataset, sound: Sound) -> None:
    whole = four.episode(3).aligned(["pose", "wrist", "wrist_depth"], final=True)
    executed = four.episode(3).steps["executed"]
    apply(four, Trim(3, 2, 6))
    episode = four.episode(3)
    np.testing.assert_array_equal(episode.steps["stamp"], np.arange(2, 6) * PERIOD)
    np.testing.assert_array_equal(episode.steps["executed"], executed[2:6])
    trimmed = episode.aligned(["pose", "wrist", "wrist_depth"], final=True)
    for name, values in trimmed.items():
        np.testing.assert_array_equal(values, whole[name][2:7])
    assert episode.end == 6 * PERIOD
    assert episode.steps["truncated"].tolist() == [False, False, False, True]
    assert episode.attributes["samples"] == {"pose": 5, "joints": 5, "wrist": 5, "wrist_depth": 5}
    assert sound(four)


def test_split_parts_together_hold_every_step_once(four: Dataset, sound: Sound) -> None:
    executed = four.episode(2).steps["executed"]
    apply(four, Split(2, (1, 4)))
    assert four.numbers == (0, 1, 3, 4, 5, 6)
    parts = [four.episode(n) for n in (4, 5, 6)]
    assert [len(p) for p in parts] == [1, 3, 2]
    np.testing.assert_array_equal(np.concatenate([p.steps["executed"] for p in parts]), executed)
    assert [p.success for p in parts] == [None, None, True]
    assert len({p.attributes["id"] for p in parts}) == 3
    assert sound(four)


def test_merge_copies_bit_for_bit_and_refuses_the_same_episode_twice(
    four: Dataset, tmp_path: Path, sound: Sound
) -> None:
    with Dataset.create(tmp_path / "more", four.spec, four.cameras) as more:
        pass
    apply(more_open := Dataset.open(more.path, "a"), Merge((four.path,)))
    apply(more_open, Delete((0,)))
    assert more_open.numbers == (1, 2, 3)
    assert sound(more_open)
    for a, b in zip(list(four)[1:], more_open):
        assert a.attributes["checksums"] == b.attributes["checksums"]
        assert b.attributes["merged_from"] == {"identity": four.identity, "number": a.number}
    with pytest.raises(DatasetError, match=r"episode 1 of .*data is in .*more already"):
        apply(more_open, Merge((four.path,)))


def test_merge_refuses_another_robot_and_names_the_difference(four: Dataset, tmp_path: Path) -> None:
    with Dataset.create(tmp_path / "other", four.spec) as other, other.new_episode() as writer:
        writer.discard()
    with pytest.raises(DatasetError, match="holds no episode to merge"):
        apply(four, Merge((other.path,)))
    renamed = Dataset.create(tmp_path / "renamed", four.spec, four.cameras)
    apply(renamed, Merge((four.path,)))
    apply(renamed, Rename("joints", "q"))
    with pytest.raises(DatasetError, match="observation 'joints': only in the first"):
        apply(four, Merge((renamed.path,)))


@pytest.mark.parametrize(("old", "new"), [("joints", "q"), ("wrist", "hand"), ("gripper", "fingers")])
def test_a_renamed_field_reads_the_same_under_its_new_name(four: Dataset, sound: Sound, old: str, new: str) -> None:
    before = four[1].aligned(four[1].stream_names)
    executed = four[1].steps["executed"]
    apply(four, Rename(old, new))
    assert sound(four)
    with_reader = Dataset.open(four.path)
    for dataset in (four, with_reader):
        episode = dataset[1]
        np.testing.assert_array_equal(episode.steps["executed"], executed)
        for name, values in episode.aligned(episode.stream_names).items():
            np.testing.assert_array_equal(values, before[name.replace(new, old)])
        known = {*dataset.spec.observation, *dataset.cameras, *dataset.spec.action}
        assert new in known and old not in known


def test_what_was_measured_of_a_camera_follows_its_new_name(four: Dataset, tmp_path: Path, sound: Sound) -> None:
    with Dataset.create(tmp_path / "jpeg", four.spec, four.cameras, images="jpeg:80") as lossy:
        with lossy.new_episode() as writer:
            small_fill(writer)
            writer.commit(True)
        measured = lossy[0].attributes["coding_error"]["wrist"]
        decoded = lossy[0].stream("wrist").values[2]
        apply(lossy, Rename("wrist", "hand"))
        assert lossy[0].attributes["coding_error"] == {"hand": measured}
        apply(lossy, Trim(0, 1, 3))
        np.testing.assert_array_equal(lossy[0].stream("hand").values[1], decoded)  # copied, not coded twice
        assert sound(lossy)


def small_fill(writer: EpisodeWriter) -> None:
    rng, none = np.random.default_rng(0), np.full(3, np.nan)
    for t in range(4):
        writer.add_sample(Sample("pose", t, np.array([t, 0, 0, 0, 0, 0, 1.0])))
        writer.add_sample(Sample("joints", t, np.zeros(2)))
        writer.add_sample(Sample("wrist", t, rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)))
        writer.add_sample(Sample("wrist_depth", t, np.full((12, 16), t, np.uint16)))
        writer.add_step(Step(t, np.zeros(3), none, none, Source.HUMAN, Phase.DEMONSTRATION))


def test_renaming_to_a_name_in_use_or_of_a_field_that_is_not_there_is_refused(four: Dataset) -> None:
    with pytest.raises(DatasetError, match="'pose' is the name of another field"):
        apply(four, Rename("joints", "pose"))
    with pytest.raises(DatasetError, match="Did you mean 'joints'"):
        apply(four, Rename("joint", "q"))
    with pytest.raises(DatasetError, match="cannot name a field"):
        apply(four, Rename("joints", "a/b"))


EDITS: list[Edit] = [
    Delete((0, 2)),
    Keep((3,)),
    Relabel((0, 1), success="false", phase=Phase.RESET, steps=(1, 3)),
    Trim(2, 1, 3),
    Split(3, (3,)),
    Rename("wrist", "hand"),
    Rename("twist", "velocity"),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda e: e.job)
def test_undo_brings_back_every_byte(four: Dataset, content: Content, sound: Sound, edit: Edit) -> None:
    before = content(four.path)
    apply(four, edit)
    assert content(four.path) != before
    undo(four)
    assert content(four.path) == before
    assert four.numbers == (0, 1, 2, 3)
    assert sound(four)
    assert records(four.path)[-1].state == "undone"


def test_edits_are_undone_last_first_until_none_is_left(four: Dataset, content: Content) -> None:
    states = [content(four.path)]
    for edit in (Relabel((0,), success="false"), Trim(0, 1, 3), Relabel((0,), instruction="x"), Delete((0,))):
        apply(four, edit)
        states.append(content(four.path))
    while len(states) > 1:
        assert content(four.path) == states.pop()
        undo(four)
    assert content(four.path) == states[0]
    with pytest.raises(DatasetError, match="no edit to undo"):
        undo(four)


def test_compacting_frees_the_trash_and_ends_undoing(four: Dataset, content: Content) -> None:
    apply(four, Delete((1,)))
    after = content(four.path)
    size = trash_bytes(four)
    assert size > 1000
    assert compact(four) == size
    assert trash_bytes(four) == 0
    assert content(four.path) == after
    assert [r.summary for r in records(four.path)] == ["delete 1 episode (1), 5 steps; 3 stay"]
    with pytest.raises(DatasetError, match="was compacted"):
        undo(four)


def test_a_rename_is_not_undone_under_episodes_recorded_since(four: Dataset) -> None:
    apply(four, Rename("joints", "q"))
    with four.new_episode() as writer:
        none = np.full(3, np.nan)
        writer.add_sample(Sample("q", 0, np.zeros(2)))
        writer.add_step(Step(0, np.zeros(3), none, none, Source.HUMAN, Phase.DEMONSTRATION))
        writer.commit(True)
    with pytest.raises(DatasetError, match="rename the field back"):
        undo(four)
    apply(four, Rename("q", "joints"))
    assert set(four.episode(4).stream_names) >= {"joints"}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Delete((2, 7, 8)), "no episodes 7-8 in .*: it holds 0-3"),
        (Delete(()), "no episode was named"),
        (Keep((9,)), "no episode 9 in"),
        (Relabel((4,), success="true"), "no episode 4 in .*: it holds 0-3"),
        (Relabel((0,)), "nothing to relabel"),
        (Relabel((0,), phase=Phase.RESET, steps=(2, 9)), "episode 0 has steps 0 to 3; 2:9"),
        (Relabel((0,), success="true", steps=(0, 1)), "goes with a phase"),
        (Relabel((0,), purpose="demo"), "purpose 'demo'. Known: demonstration"),
        (Trim(5, 0, 1), "no episode 5"),
        (Trim(0, 3, 3), "0 to 3; 3:3"),
        (Trim(0, 0, 4), "nothing to trim"),
        (Split(0, ()), "rising steps from 1 to 3"),
        (Split(0, (2, 2)), "rising steps from 1 to 3"),
        (Split(0, (4,)), "rising steps from 1 to 3"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    four: Dataset, content: Content, edit: Edit, words: str
) -> None:
    before = content(four.path)
    with pytest.raises(DatasetError, match=words):
        apply(four, edit)
    assert content(four.path) == before
    assert records(four.path) == []


def test_editing_is_refused_while_another_writes_or_an_episode_is_recorded(four: Dataset) -> None:
    with pytest.raises(DatasetError, match="is being written by process"):
        Dataset.open(four.path, "a")
    with pytest.raises(DatasetError, match="open to read only"):
        apply(Dataset.open(four.path), Delete((0,)))
    writer = four.new_episode()
    with pytest.raises(DatasetError, match="an episode is being recorded"):
        apply(four, Delete((0,)))
    writer.discard()
    apply(four, Delete((0,)))


def test_readers_open_elsewhere_see_an_edit_when_they_refresh(four: Dataset) -> None:
    reader = Dataset.open(four.path)
    apply(four, Delete((1,)))
    apply(four, Rename("joints", "q"))
    apply(four, Relabel((0,), success="false"))
    reader.refresh()
    assert reader.numbers == (0, 2, 3)
    assert "q" in reader.spec.observation
    assert reader.episode(0).success is False


def test_a_damaged_episode_can_be_deleted(four: Dataset) -> None:
    (four.path / "episodes/000002/zarr.json").write_text("{")
    apply(four, Delete((2,)))
    assert four.numbers == (0, 1, 3)
    undo(four)
    assert (four.path / "episodes/000002/zarr.json").read_text() == "{"
