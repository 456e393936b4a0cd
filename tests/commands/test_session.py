import json
from pathlib import Path

import pytest

from robot_rl import cli, workspace
from robot_rl.commands import session


def writes(results: Path, *episodes: tuple[str, str, bool]) -> None:
    """What the episode manager writes of episodes: purpose, result and whether anybody judged it."""
    note = {"seed": 0, "steps": 9, "human_steps": 9, "interventions": 1, "number": 0}
    with results.open("a") as file:
        for purpose, result, judged in episodes:
            file.write(json.dumps(note | {"purpose": purpose, "result": result, "judged": judged}) + "\n")
        file.write('{"seed":')  # the last is still being written


@pytest.mark.parametrize("code", [0, 1])
def test_a_graph_in_this_terminal_ends_by_saying_how_its_episodes_went(code, monkeypatch, capsys):
    def launch(description, arguments):
        assert (description, arguments["device"]) == ("deploy", "gamepad")
        marked = [("evaluation", result, True) for result in ("success", "failure", "discarded")]
        writes(Path(arguments["results"]), *marked, ("evaluation", "failure", False))
        return code

    monkeypatch.setattr(session, "launch", launch)
    assert session.run_graph("deploy", {"device": "gamepad", "dataset": "/data/d"}) == code
    assert capsys.readouterr().out.splitlines() == [
        "3 evaluation episodes: 1/2 = 50% [9%, 91%] of the judged succeeded, 1 nobody judged; were those failures, "
        "1/3 = 33% [6%, 79%], 1 discarded",
        "recorded to /data/d",
    ]


def test_a_results_file_of_ones_own_is_kept_and_its_earlier_episodes_are_not_summed_up(tmp_path, monkeypatch, capsys):
    results = tmp_path / "mine.jsonl"
    note = {"seed": 0, "purpose": "demonstration", "result": "failure", "judged": True, "steps": 1, "number": None}
    results.write_text(json.dumps(note | {"human_steps": 1, "interventions": 0}) + "\n")

    def launch(description, arguments):
        writes(Path(arguments["results"]), ("demonstration", "success", True))
        return 0

    monkeypatch.setattr(session, "launch", launch)
    assert session.run_graph("deploy", {"results": str(results)}) == 0
    assert capsys.readouterr().out == "1 demonstration episode: 1/1 = 100% [21%, 100%] succeeded\n"
    assert len(session.read_notes(results)) == 2


def test_a_graph_that_had_no_episode_says_nothing(monkeypatch, capsys):
    monkeypatch.setattr(session, "launch", lambda description, arguments: 1)
    assert session.run_graph("deploy", {"dataset": ""}) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "given", [["record", "device:=scripted"], ["deploy", "checkpoint:=x", "robot:=sim_lift", "purpose:=evaluation"]]
)
@pytest.mark.parametrize("dataset", ["lift", "./lift", "s3://bucket/lift", None])
def test_a_launched_description_that_runs_episodes_ends_by_saying_how_they_went_and_where_they_are(
    given, dataset, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(workspace, "root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)

    def launch(description, arguments):
        assert description == given[0]
        writes(Path(arguments["results"]), ("evaluation", "success", True))
        return 0

    monkeypatch.setattr(session, "launch", launch)
    assert cli.main(["launch", *given, *([f"dataset:={dataset}"] if dataset else [])]) == 0
    lines = ["1 evaluation episode: 1/1 = 100% [21%, 100%] succeeded"]
    usual = {"record": tmp_path / "datasets" / "demonstrations", "deploy": None}
    own = {"lift": tmp_path / "datasets" / "lift", "./lift": tmp_path / "lift"}
    if place := own.get(dataset, dataset) if dataset else usual[given[0]]:
        lines.append(f"recorded to {place}")
    assert capsys.readouterr().out.splitlines() == lines
