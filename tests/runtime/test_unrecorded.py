"""A mark is taken back where nothing is recorded, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.results import Results, note, read
from robot_rl.runtime.unrecorded import UnrecordedMarks

MARKED = Ending("success", terminated=True, truncated=False, end_stamp=9, steps=5, interventions=0, marked=True)
CUT_OFF = replace(MARKED, result="failure", terminated=False, truncated=True, marked=False)


def test_the_newest_mark_is_taken_back_once_its_sitting_has_no_episode_under_way(tmp_path: Path) -> None:
    said: list[str] = []
    results = Results("evaluation", 0, tmp_path / "results.jsonl")
    marks = UnrecordedMarks(results, said.append)

    def over(name: str, ending: Ending, *, states_judged: bool = False) -> None:
        results.add(
            note({"episode": name, "purpose": "evaluation"}, ending, 0, judged=ending.judged(states=states_judged))
        )
        marks.add(name, ending, states_judged=states_judged)

    def counted() -> list[tuple[str, bool]]:
        return [(n["result"], n["judged"]) for n in read(tmp_path / "results.jsonl")]

    over("a", MARKED, states_judged=True)
    over("b", MARKED)
    over("c", CUT_OFF)
    marks.undo(under_way=True)
    assert said == []
    over("d", MARKED)
    assert counted() == [("success", True), ("failure", False), ("failure", False), ("success", True)], "b, not d"
    marks.undo(under_way=False)
    marks.undo(under_way=False)
    assert counted() == [("failure", True), *[("failure", False)] * 3], "the task had judged the states of a"
    marks.undo(under_way=False)
    assert said[-1] == "undo: there is no mark of this sitting left to take back" and len(said) == 4
