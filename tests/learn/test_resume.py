import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
import yaml

from robot_rl.learn.run import Run
from robot_rl.learn.train import train
from robot_rl.learn.trainer import Trainer
from robot_rl.policies import checkpoint, storage
from robot_rl.policies.act import ActConfig
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig

ACT = ActConfig(width=16, feed_forward=32, encoder_depth=1, decoder_depth=1)
"""Draws noise and, where it has dropout, masks."""


def same_run(one, other) -> bool:
    """The same weights to the last bit, and the same curve of losses."""
    a, b = (checkpoint.load(r).state_dict() for r in (one, other))
    curves = [json.loads((r / "curves.json").read_text())["loss"] for r in (one, other)]
    return all(torch.equal(a[k], b[k]) for k in a) and curves[0] == curves[1]


def test_a_process_killed_at_any_moment_is_gone_on_from_to_the_same_curve(make_dataset, small, tmp_path):
    """SIGKILL, as when memory runs out: nothing can be tidied up."""
    config = small(make_dataset(3), steps=400, save_every=50, output=tmp_path / "killed", device="cpu")
    recipe = tmp_path / "train.yaml"
    recipe.write_text(yaml.safe_dump(config.to_dict()))
    command = [sys.executable, "-m", "robot_rl.cli", "train", "--recipe", str(recipe)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    state = tmp_path / "killed" / "state" / "state.json"
    try:
        while process.poll() is None and not state.exists():
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    reached = json.loads(state.read_text())["step"]
    assert 50 <= reached < 400
    train(config, progress=False)
    train(replace(config, output=tmp_path / "whole"), progress=False)
    assert same_run(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize("moment", ["before it is written", "while it is written", "before the state is"])
def test_a_kill_at_the_first_checkpoint_is_gone_on_from(make_dataset, small, tmp_path, monkeypatch, moment):
    def die(*args, **options):
        raise SystemExit

    config = small(make_dataset(3), steps=40, output=tmp_path / "run")
    with monkeypatch.context() as patch:
        if moment == "before it is written":
            patch.setattr(checkpoint, "save", die)
        elif moment == "while it is written":
            replace_file = storage._replace
            card = tmp_path / "run" / "checkpoint" / "policy.json"
            patch.setattr(storage, "_replace", lambda p, content: die() if p == card else replace_file(p, content))
        else:
            save_state = Run.save_state
            patch.setattr(Run, "save_state", lambda r, pending=False: save_state(r, pending=True) if pending else die())
        with pytest.raises(SystemExit):
            train(config, progress=False)
    assert (tmp_path / "run" / "state" / "state.json").is_file()
    train(config, progress=False)
    train(replace(config, output=tmp_path / "whole"), progress=False)
    assert same_run(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "bf16"},
        {"parts": 2},
        {"weights": "operator"},
        {"policy": PolicyConfig(horizon=6, n_action_steps=3, encoder=EncoderConfig(width=32), head=ACT)},
        pytest.param({"compile": True}, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
    ids=["bf16", "parts", "weights", "act", "compile"],
)
def test_resume_is_exact_however_a_step_is_computed(make_dataset, small, tmp_path, monkeypatch, options):
    path = make_dataset(3)
    whole = train(small(path, output=tmp_path / "whole", **options), progress=False)
    update = Trainer.update

    def interrupted_update(self):
        out = update(self)
        if self.step == 33:
            os.kill(os.getpid(), signal.SIGTERM)
        return out

    config = small(path, output=tmp_path / "halves", **options)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", interrupted_update)
        with pytest.raises(KeyboardInterrupt):
            train(config, progress=False)
    torch.manual_seed(12345)  # what a caller draws has no say in it
    train(config, progress=False)
    assert same_run(tmp_path / "halves", whole.directory)


def test_resume_is_exact_with_pictures_cut_and_tinted(picture_dataset, small, tmp_path, monkeypatch):
    encoder = EncoderConfig(32, channels=(8, 16), crop=0.8, color=0.2, state_dropout=0.3)
    policy = PolicyConfig(("front", "clock"), horizon=4, n_action_steps=2, encoder=encoder)
    options = {"policy": policy, "steps": 12, "save_every": 4, "log_every": 1, "batch": 8}
    whole = train(small(picture_dataset, output=tmp_path / "whole", **options), progress=False)
    account = Run.account

    def dying(self, loss, norm):
        if self.trainer.step == 7:
            raise SystemExit
        account(self, loss, norm)

    config = small(picture_dataset, output=tmp_path / "halves", **options)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "account", dying)
        with pytest.raises(SystemExit):
            train(config, progress=False)
    train(config, progress=False)
    assert same_run(tmp_path / "halves", whole.directory)


def test_bf16_changes_the_activations_and_not_the_weights_format(make_dataset, small, tmp_path):
    path = make_dataset(2)
    half, full = (
        train(small(path, steps=20, precision=p, output=tmp_path / p), progress=False) for p in ("bf16", "fp32")
    )
    a, b = (checkpoint.load(r.checkpoint).state_dict() for r in (half, full))
    assert all(v.dtype == torch.float32 for v in a.values() if v.is_floating_point())
    assert any(not torch.equal(a[k], b[k]) for k in a)
    assert half.loss == pytest.approx(full.loss, rel=0.02)
    assert checkpoint.read_card(half.checkpoint).training["precision"] == "bf16"


def test_training_leaves_the_callers_random_numbers_alone(make_dataset, small):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train(small(make_dataset(2), steps=10), progress=False)
    assert torch.equal(torch.rand(2), expected)
