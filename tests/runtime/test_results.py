"""Episodes are counted and written down as they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.results import Results, note, read

ENDING = Ending("success", terminated=True, truncated=False, end_stamp=9, steps=5, interventions=1)


def test_an_evaluation_comes_on_top_of_the_episodes_that_are_counted(tmp_path: Path) -> None:
    results = Results("deployment", 1, tmp_path / "results.jsonl")
    trial = note({"episode": "a", "seed": 3, "purpose": "evaluation"}, ENDING, 0, judged=False)
    assert results.add(trial) == "evaluation: success in 5 steps" and not results.complete
    usual = note({"episode": "b", "seed": 4, "purpose": "deployment", "direction": "insert"}, ENDING, 2, judged=True)
    assert results.add({**usual, "number": 0}) == (
        "episode 1/1: insert, success in 5 steps, recorded as number 0"  # as `--episode 0` of other commands means it
    )
    assert results.complete
    written = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert written[0] == trial and not trial["judged"]
    assert written[1] == {
        "episode": "b",
        "seed": 4,
        "purpose": "deployment",
        "direction": "insert",
        "result": "success",
        "judged": True,
        "steps": 5,
        "human_steps": 2,
        "interventions": 1,
        "number": 0,
    }


def test_that_an_episode_begins_is_told_with_its_number_and_whether_it_is_recorded() -> None:
    results = Results("demonstration", 6, None)
    assert results.begins("demonstration", recorded=True) == "episode 1 of 6 begins: recording"
    results.add(note({"purpose": "demonstration"}, ENDING, 5, judged=True))
    assert results.begins("demonstration", recorded=False) == "episode 2 of 6 begins"
    assert results.begins("evaluation", recorded=True) == "evaluation begins: recording"
    assert Results("deployment", 0, None).begins("deployment", recorded=True) == "episode 1 begins: recording"


def test_without_a_total_there_is_no_end() -> None:
    results = Results("demonstration", 0, None)
    assert results.add(note({"purpose": "demonstration"}, ENDING, 5, judged=True)) == "episode 1: success in 5 steps"
    assert results.count == 1 and not results.complete


def test_a_mark_that_is_taken_back_is_read_as_cut_off_and_only_that_one(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert read(path) == []
    results = Results("evaluation", 0, path)
    for name in "abc":
        results.add(note({"episode": name, "purpose": "evaluation"}, ENDING, 0, judged=True))
    results.take_back("b", judged=False)
    results.take_back("of an earlier sitting", judged=False)
    with path.open("a") as file:
        file.write('{"episode": "d", "resu')  # is still being written
    read_back = [(n["episode"], n["result"], n["judged"]) for n in read(path)]
    assert read_back == [("a", "success", True), ("b", "failure", False), ("c", "success", True)]
    assert read(path)[1]["steps"] == 5


def test_a_line_that_a_crash_cut_off_is_left_out_and_the_next_sitting_begins_a_line_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "results.jsonl"
    for name in "ab":
        Results("evaluation", 0, path).add(note({"episode": name, "purpose": "evaluation"}, ENDING, 0, judged=True))
        if name == "a":
            with path.open("a") as file:
                file.write('{"episode": "lost", "resu')
    assert [n["episode"] for n in read(path)] == ["a", "b"]
    assert "line 2 is cut off" in caplog.text


def test_a_mark_may_be_taken_back_before_its_episode_is_written_down(tmp_path: Path) -> None:
    """Two nodes tell of them; when all is stopped, either may be first."""
    results = Results("deployment", 0, tmp_path / "results.jsonl")
    results.take_back("b", judged=False)
    for name in "ab":
        results.add(note({"episode": name, "purpose": "deployment"}, ENDING, 0, judged=True))
    assert [(n["episode"], n["result"], n["judged"]) for n in read(tmp_path / "results.jsonl")] == [
        ("a", "success", True),
        ("b", "failure", False),
    ]
