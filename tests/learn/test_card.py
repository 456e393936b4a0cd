import dataclasses
import xml.etree.ElementTree as ET

import pytest

from robot_rl.learn.card import add_evaluation, holds_evaluation, run_of, write_card
from robot_rl.learn.evaluate import EvaluationResult, Trial
from robot_rl.learn.train import train
from robot_rl.policies.checkpoint import CheckpointError, weights_digest


@pytest.fixture
def run(make_dataset, small):
    return train(small(make_dataset(4), holdout=0.25, steps=40), progress=False).directory


def result(run, *successes, execution="receding"):
    trials = tuple(Trial(1000 + i, s, 30, 0.0, {}, 0.001) for i, s in enumerate(successes))
    return EvaluationResult(str(run / "checkpoint"), "sim_toy", trials, 2.0, execution)


def test_a_card_says_what_the_policy_is_and_what_it_was_made_from(run):
    text = (run / "README.md").read_text()
    for said in (
        "A `flow` policy for robot `toy` at 20 Hz",
        "`toy`: 4 episodes, identity `",
        "120 windows of 3 episodes; 1 held out",
        "| optimiser step of this checkpoint | 40 of 40 |",
        "Step 40, the last one.",
        "| `velocity` | 1 | vector |",
        "| git_revision |",
        f"robot-rl evaluate --checkpoint {run}",
        "Not evaluated yet",
    ):
        assert said in text, said


def test_its_figure_is_a_drawing_that_stands_alone(run):
    assert "](curves.svg)" in (run / "README.md").read_text()
    root = ET.fromstring((run / "curves.svg").read_text())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    lines = [e for e in root.iter() if e.tag.endswith("polyline")]
    assert [len(line.attrib["points"].split()) for line in lines] == [4, 2]  # loss every 10 steps, held out every 20


def test_an_evaluation_enters_the_card_with_its_interval_and_replaces_one_on_the_same_states(run):
    add_evaluation(run, result(run, True, False, False, False))
    add_evaluation(run, result(run, True, True, True, False))
    add_evaluation(run, result(run, True, True, True, True, execution="async"))
    text = (run / "README.md").read_text()
    assert "| sim_toy | receding | seeds 1000 to 1003 | 3/4 = 75% | 30% to 95% |" in text
    assert "| sim_toy | async | seeds 1000 to 1003 | 4/4 = 100% | 51% to 100% |" in text
    assert "25%" not in text and "Not evaluated" not in text
    assert len(list((run / "evaluations").iterdir())) == 2
    assert "75 %" in (run / "report.html").read_text()


def test_a_result_is_held_when_it_is_of_these_weights_on_these_states_in_this_way(run):
    own = dataclasses.replace(result(run, True, False), weights=weights_digest(run))
    assert not holds_evaluation(run, own)
    add_evaluation(run, own)
    assert holds_evaluation(run, dataclasses.replace(own, seconds=9.0))
    for other in ({"weights": "others"}, {"execution": "async"}, {"trials": own.trials[:1]}, {"robot": "sim_other"}):
        assert not holds_evaluation(run, dataclasses.replace(own, **other))


def test_other_ways_of_playing_stand_beside_each_other_and_other_weights_not_at_all(run):
    add_evaluation(run, result(run, True, True, True, False, execution="receding, best of 16"))
    add_evaluation(run, result(run, True, False, False, False))
    text = (run / "README.md").read_text()
    assert (
        "| receding, best of 16 | seeds 1000 to 1003 | 3/4" in text and "| receding | seeds 1000 to 1003 | 1/4" in text
    )
    own = dataclasses.replace(result(run, True, True, False, False), weights=weights_digest(run))
    add_evaluation(run, own)
    assert "2/4" in (run / "README.md").read_text()
    add_evaluation(run, dataclasses.replace(own, weights="those of an earlier checkpoint"))
    assert "2/4" not in (run / "README.md").read_text(), "it is of weights that are gone"


def test_a_checkpoint_knows_its_run(run, tmp_path):
    assert run_of(run / "checkpoint") == run
    assert run_of(tmp_path / "checkpoint") is None
    with pytest.raises(CheckpointError, match="no policy at"):
        write_card(tmp_path)
