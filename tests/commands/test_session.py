import json
from pathlib import Path

import pytest

from robot_rl.commands import session


@pytest.mark.parametrize("code", [0, 1])
def test_a_graph_in_this_terminal_ends_by_saying_how_its_episodes_went(code, monkeypatch, capsys):
    def launch(description, arguments):
        assert (description, arguments["device"]) == ("record", "scripted")
        note = {"seed": 0, "steps": 9, "human_steps": 9, "interventions": 1, "number": 0}
        lines = [json.dumps(note | {"result": result}) + "\n" for result in ("success", "failure", "discarded")]
        Path(arguments["results"]).write_text("".join(lines) + '{"seed":')  # the last is still being written
        return code

    monkeypatch.setattr(session, "launch", launch)
    assert session.run_graph("record", {"device": "scripted", "dataset": "datasets/d"}) == code
    assert capsys.readouterr().out == "1 of 3 episodes succeeded; recorded to datasets/d\n"


def test_a_graph_that_had_no_episode_says_nothing(monkeypatch, capsys):
    monkeypatch.setattr(session, "launch", lambda description, arguments: 1)
    assert session.run_graph("deploy", {"dataset": ""}) == 1
    assert capsys.readouterr().out == ""
