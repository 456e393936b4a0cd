"""A recipe that says what it is like, and what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.learn import config
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe

BASE = """
policy:
  observation: [point, gate]
  horizon: 8
  encoder: {width: 32, layers: 1}
  head: {name: flow, width: 48, sampling_steps: 3}
steps: 100
lr: 0.002
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    (tmp_path / "hardware").mkdir()

    def write(name: str, text: str, file: str = "train.yaml") -> None:
        (tmp_path / "policies" / name).mkdir(parents=True)
        (tmp_path / "policies" / name / file).write_text(text)

    write("base", BASE)
    return write


def test_what_it_does_not_say_is_as_there(write):
    write("own", "like: base\npolicy: {encoder: {width: 64}, head: {sampling_steps: 5}}\nsteps: 7\n")
    own, base = config.load("own"), config.load("base")
    assert (own.name, own.steps, own.lr, own.policy.observation) == ("own", 7, 0.002, ("point", "gate"))
    assert (own.policy.encoder.width, own.policy.encoder.layers) == (64, 1)
    assert (own.policy.head.width, own.policy.head.sampling_steps) == (48, 5)
    assert (base.steps, base.policy.head.sampling_steps) == (100, 3)


def test_another_head_brings_its_own_options(write):
    write("own", "like: base\npolicy: {head: {name: gaussian}}\n")
    assert config.load("own").policy.head == config.load("own").policy.head.__class__()
    write("again", "like: own\npolicy: {head: {name: flow, depth: 2}}\n")
    head = config.load("again").policy.head
    assert (head.name, head.depth, head.sampling_steps) == ("flow", 2, 8)  # not base's 3: it is of another's making


def test_a_chain_ends_at_one_that_is_like_none(write):
    write("middle", "like: base\nsteps: 7\nlr: 0.1\n")
    write("own", "like: middle\nsteps: 8\n")
    own = config.load("own")
    assert (own.name, own.steps, own.lr, own.policy.horizon) == ("own", 8, 0.1, 8)


def test_a_chain_that_comes_back_is_refused(write):
    write("one", "like: two\n")
    write("two", "like: one\n")
    with pytest.raises(TrainingError, match=r"two/train.yaml: like: 'one' is like this recipe itself"):
        config.load("one")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("like: bsae\n", r"own/train.yaml: like: no recipe 'bsae'.* Did you mean 'base'"),
        ("like: [base]\n", r"own/train.yaml: like: the name of a recipe was expected, got \['base'\]"),
        ("like:\n", "like: the name of a recipe was expected, got None"),
        ("like: base\nstpes: 3\n", r"own/train.yaml: .*stpes.*steps"),
        ("like: base\npolicy: [point]\n", r"own/train.yaml: policy"),
    ],
)
def test_what_is_wrong_with_it_is_said(write, text, said):
    write("own", text)
    with pytest.raises(TrainingError, match=said):
        config.load("own")


def test_a_fine_tuning_recipe_may_be_like_another(write):
    text = (Path(__file__).parents[2] / "policies" / "rlpd_pegslot" / "finetune.yaml").read_text()
    write("peg", text, "finetune.yaml")
    write("own", "like: peg\nonline: {improver: {sac: {utd: 7}}}\n", "finetune.yaml")
    peg, own = recipe.load("peg").to_dict(), recipe.load("own").to_dict()
    assert own["online"]["improver"]["sac"].pop("utd") == 7
    assert peg["online"]["improver"]["sac"].pop("utd") == 2
    assert own | {"name": "peg"} == peg
