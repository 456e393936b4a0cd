"""Episodes are counted and written down as they end."""

from __future__ import annotations

import json
from pathlib import Path

from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.results import Results, note

ENDING = Ending("success", terminated=True, truncated=False, end_stamp=9, steps=5, interventions=1)


def test_an_evaluation_comes_on_top_of_the_episodes_that_are_counted(tmp_path: Path) -> None:
    results = Results("deployment", 1, tmp_path / "results.jsonl")
    trial = note({"episode": "a", "seed": 3, "purpose": "evaluation"}, ENDING, 0, judged=False)
    assert results.add(trial) == "evaluation: success in 5 steps" and not results.complete
    usual = note({"episode": "b", "seed": 4, "purpose": "deployment", "direction": "insert"}, ENDING, 2, judged=True)
    assert results.add({**usual, "number": 0}) == "episode 1/1: insert, success in 5 steps" and results.complete
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


def test_without_a_total_there_is_no_end() -> None:
    results = Results("demonstration", 0, None)
    assert results.add(note({"purpose": "demonstration"}, ENDING, 5, judged=True)) == "episode 1: success in 5 steps"
    assert results.count == 1 and not results.complete
