import dataclasses
import json
import math
import os
import signal

import numpy as np
import pytest
import torch

from robot_rl import workspace
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Phase
from robot_rl.datasets.sampling.selection import RULES
from robot_rl.learn import config as training_config
from robot_rl.learn import run as run_files
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.data import load_data, split
from robot_rl.learn.divergence import Divergence
from robot_rl.learn.run import Run
from robot_rl.learn.train import train
from robot_rl.learn.trainer import Trainer, learning_rate, precision
from robot_rl.policies import checkpoint
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig, ObservationEncoder
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.spec import Field, Layout, Spec


def weights(path):
    return checkpoint.load(path).state_dict()


def test_a_trained_chunk_begins_at_the_newest_observation(make_dataset, small, known_action):
    """The action of step t is sin(0.3 t), so a chunk shifted by one step is off by 0.2 in the mean square root."""
    config = small(make_dataset(4), steps=700, batch=128, lr=3e-3, save_every=700)
    policy = checkpoint.load(train(config, progress=False).checkpoint)
    policy.reset(seed=0)
    at = np.arange(3, 30)
    quiet = np.zeros((2, 2))
    chunks = [policy.predict({"clock": np.array([[t - 1.0], [t]]), "distraction": quiet})[:, 0] for t in at]

    def error(shift):
        truth = [[known_action(t + k + shift) for k in range(6)] for t in at]
        return np.sqrt(np.mean(np.square(np.array(chunks) - truth)))

    assert error(0) < 0.12
    assert min(error(-1), error(1)) > 0.18

    executor = ChunkExecutor(policy)
    executor.reset(seed=1)
    played = [executor.act({"clock": np.array([float(t)]), "distraction": np.zeros(2)}).item() for t in range(30)]
    assert np.sqrt(np.mean(np.square(np.array(played) - [known_action(t) for t in range(30)]))) < 0.12


def test_a_run_leaves_curves_configuration_and_a_checkpoint_that_names_its_data(make_dataset, small):
    path = make_dataset(5)
    config = small(path, holdout=0.2)
    result = train(config, progress=False)
    assert training_config.load(result.directory / "train.yaml") == config
    curves = json.loads((result.directory / "curves.json").read_text())
    assert [s for s, _ in curves["loss"]] == [10, 20, 30, 40, 50, 60]
    assert [s for s, _ in curves["holdout_loss"]] == [20, 40, 60]
    assert list((result.directory / "tensorboard").iterdir())
    card = checkpoint.read_card(result.checkpoint)
    assert card.dataset["episodes"] == 4 and card.dataset["held_out_episodes"] == 1
    assert card.dataset["steps"] == result.windows == 4 * 40
    assert card.training["step"] == 60 and card.training["loss"] == result.loss == curves["loss"][-1][1]
    assert curves["loss"][-1][1] < curves["loss"][0][1]
    assert not (result.directory / "state").exists()


def test_an_interrupted_run_ends_with_the_very_weights_of_an_uninterrupted_one(
    make_dataset, small, tmp_path, monkeypatch
):
    path = make_dataset(3)
    whole = train(small(path, output=tmp_path / "whole"), progress=False)

    update = Trainer.update

    def interrupted_update(self):
        out = update(self)
        if self.step == 33:
            os.kill(os.getpid(), signal.SIGINT)
        return out

    config = small(path, output=tmp_path / "halves")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", interrupted_update)
        with pytest.raises(KeyboardInterrupt):
            train(config, progress=False)
    halves = train(config, progress=False)
    a, b = weights(whole.checkpoint), weights(halves.checkpoint)
    assert all(torch.equal(a[k], b[k]) for k in a)
    one, other = ((r.directory / "curves.json").read_text() for r in (whole, halves))
    assert json.loads(one)["loss"] == json.loads(other)["loss"]


def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_weights(make_dataset, small, tmp_path, monkeypatch):
    path = make_dataset(3)
    whole = train(small(path, output=tmp_path / "whole"), progress=False)

    def die(self, loss, norm):
        if self.trainer.step == 47:
            raise SystemExit
        account(self, loss, norm)

    account = Run.account
    config = small(path, output=tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(Run, "account", die)
        with pytest.raises(SystemExit):
            train(config, progress=False)
    a, b = weights(whole.checkpoint), weights(train(config, progress=False).checkpoint)
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_an_unfinished_run_with_other_settings_is_not_overwritten(make_dataset, small, monkeypatch):
    path = make_dataset(3)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "finish", lambda self: None)
        train(small(path), progress=False)
    with pytest.raises(TrainingError, match=r"another configuration lies there: lr was 0\.001, now 0\.5"):
        train(small(path, lr=0.5), progress=False)


def test_a_finished_run_is_not_overwritten(make_dataset, small):
    path = make_dataset(2)
    result = train(small(path, steps=10), progress=False)
    before = weights(result.checkpoint)
    with pytest.raises(TrainingError, match="holds a finished run"):
        train(small(path, steps=10, seed=1), progress=False)
    after = weights(result.checkpoint)
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_a_run_killed_after_its_last_step_only_has_to_be_finished(make_dataset, small, monkeypatch):
    config = small(make_dataset(2), steps=20)
    with monkeypatch.context() as patch:
        patch.setattr(run_files.shutil, "rmtree", lambda path: None)
        first = train(config, progress=False)
    again = train(config, progress=False)
    assert (again.loss, again.steps) == (first.loss, 20)
    assert not (again.directory / "state").exists()


def test_what_is_deployed_are_the_averaged_weights(make_dataset, small, tmp_path):
    path = make_dataset(2)
    config = small(path, ema_maximum=0.0, steps=20, output=tmp_path / "newest")
    newest = weights(train(config, progress=False).checkpoint)
    averaged = weights(train(small(path, steps=20, output=tmp_path / "averaged"), progress=False).checkpoint)
    trained = [k for k in averaged if "normalizer" not in k]
    assert trained and all(not torch.equal(newest[k], averaged[k]) for k in trained)


def test_not_a_number_in_the_data_names_episode_and_step(make_dataset, small):
    with pytest.raises(DatasetError, match="episode 2, step 7: 'clock' is not finite"):
        train(small(make_dataset(3, bad=("clock", 7))), progress=False)


def test_not_a_number_in_a_step_that_is_only_seen_by_the_next_is_found_too(make_dataset, small, monkeypatch):
    monkeypatch.setitem(RULES, "all", lambda episode: np.arange(len(episode)) >= 8)  # step 7 is history of step 8
    with pytest.raises(TrainingError, match=r"episode 1, step 7: 'clock' is not finite: \[nan\]"):
        train(small(make_dataset(2, bad=("clock", 7)), select="all"), progress=False)


def test_data_sets_of_different_actions_are_not_joined(make_dataset, small, tmp_path):
    one = make_dataset(1)
    two = Field("velocity", (2,), low=(-1, -1), high=(1, 1))
    other = Spec("toy_wide", 20.0, Dataset.open(one).spec.observation, Layout((two,)))
    Dataset.create(tmp_path / "wider", other).close()
    config = dataclasses.replace(small(one), dataset=(one, tmp_path / "wider"))
    first_the_robots = r"toy \(first\) is of robot 'toy', data set .*wider \(second\) of robot 'toy_wide':\n"
    with pytest.raises(TrainingError, match=rf"{first_the_robots}.*velocity.*shape"):
        train(config, progress=False)


def test_a_far_too_large_step_is_noticed_as_divergence(make_dataset, small):
    """No number is put in by hand here: the loss really explodes."""
    config = small(make_dataset(2), lr=30.0, warmup=5, clip=1e9, steps=400, divergence=5.0)
    with pytest.raises(TrainingError, match=r"training diverged.* step \d+.*Lower lr"):
        train(config, progress=False)
    assert not (config.output / "README.md").exists()


def test_unusable_settings_are_refused_by_name(make_dataset, small):
    path = make_dataset(2)
    with pytest.raises(TrainingError, match="no data set"):
        train(TrainConfig(), progress=False)
    policy = PolicyConfig(observation=("clokc",))
    with pytest.raises(TrainingError, match=r"on robot 'toy', have no observation 'clokc'\. Did you mean 'clock'"):
        train(small(path, policy=policy), progress=False)
    with pytest.raises(TrainingError, match="batch is 0"):
        small(path, batch=0)


def test_a_policy_learns_from_a_camera_and_says_so_in_its_checkpoint(picture_dataset, small):
    wanted = PolicyConfig(
        observation=("front",), horizon=4, n_action_steps=2, encoder=EncoderConfig(32, channels=(8, 16))
    )
    result = train(small(picture_dataset, policy=wanted, steps=20), progress=False)
    policy = checkpoint.load(result.checkpoint)
    assert policy.observation_names == ("front",) and policy.inputs["front"].shape == (16, 16, 3)
    assert policy.predict({"front": np.zeros((2, 16, 16, 3), np.uint8)}).shape == (4, 1)
    assert list(checkpoint.read_card(result.checkpoint).statistics) == ["action"]


def test_divergence_is_noticed_and_dated():
    watch = Divergence(factor=10.0, warmup=5)
    for step in range(1, 101):
        watch.check(step, 1.0, 1.0)
    with pytest.raises(TrainingError, match=r"best was 1, .*lets it rise to 10; it began to rise after step") as caught:
        for step in range(101, 400):
            watch.check(step, 1.0 * 1.1 ** (step - 100), 1.0)
    assert "step 100" in str(caught.value) or "step 5" in str(caught.value)
    with pytest.raises(TrainingError, match="step 3: loss nan"):
        Divergence(10.0, 5).check(3, math.nan, 1.0)
    with pytest.raises(TrainingError, match="gradient norm inf"):
        Divergence(10.0, 5).check(3, 1.0, math.inf)


def test_a_likelihood_may_pass_through_zero_and_is_still_watched_below():
    rng, watch = np.random.default_rng(0), Divergence(factor=10.0, warmup=20)
    for step in range(1, 1500):  # from 1 nat to -0.8 and on there, single losses 0.1 apart
        watch.check(step, max(1.0 - step / 500, -0.8) + 0.1 * rng.standard_normal(), 1.0)
    with pytest.raises(TrainingError, match=r"best was -0.8.*lets it rise to 6"):
        for step in range(1500, 2500):
            watch.check(step, -0.8 + 0.02 * (step - 1500), 1.0)
    other = Divergence(factor=10.0, warmup=20)
    other.restore(watch.state())
    assert other.state() == watch.state()


def test_a_diverged_run_keeps_its_last_good_checkpoint(make_dataset, small, monkeypatch):
    update = Trainer.update

    def exploding(self):
        loss, norm = update(self)
        return (math.nan if self.step == 45 else loss), norm

    monkeypatch.setattr(Trainer, "update", exploding)
    config = small(make_dataset(2))
    with pytest.raises(TrainingError, match=r"diverged at step 45: loss nan.*checkpoint is of step 40"):
        train(config, progress=False)
    assert checkpoint.read_card(config.output).training["step"] == 40


def test_learning_rate_warms_up_and_falls_along_a_cosine():
    config = TrainConfig(lr=1.0, warmup=10, steps=110)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(9, config) == pytest.approx(1.0)
    assert learning_rate(60, config) == pytest.approx(0.5)
    assert learning_rate(110, config) == pytest.approx(0.0)


def test_a_pretrained_backbone_learns_at_its_share_of_the_rate(make_dataset, small, monkeypatch):
    monkeypatch.setattr(ObservationEncoder, "pretrained", lambda self: list(self.network.parameters()))
    moved, path = {}, make_dataset(2)
    for share in (0.0, 0.1, 1.0):
        config = small(path, backbone_lr_share=share)
        trainer = Trainer(config, load_data(config, torch.device("cpu")), torch.device("cpu"))
        network, rest = trainer.policy.encoder.network[0].weight, trainer.policy.head.network.input.weight
        before = network.detach().clone(), rest.detach().clone()
        trainer.update()
        trainer.data.train.close()
        moved[share] = (network - before[0]).abs().max().item()
        assert (rest - before[1]).abs().max() > 0
    assert moved[0.0] == 0 and moved[0.1] == pytest.approx(0.1 * moved[1.0], rel=1e-3)
    with pytest.raises(TrainingError, match="backbone_lr_share is -1"):
        TrainConfig(backbone_lr_share=-1)


def test_the_held_out_loss_takes_no_more_windows_at_once_than_training(make_dataset, small):
    config = small(make_dataset(6), batch=16, holdout=0.5)
    data = load_data(config, torch.device("cpu"))
    trainer = Trainer(config, data, torch.device("cpu"))
    policy, rows = trainer.averaged(), []
    loss = policy.loss
    policy.loss = lambda batch: (rows.append(len(batch["action"])), loss(batch))[1]
    first = trainer.holdout_loss(policy)
    assert len(rows) > 1 and max(rows) <= 16 and sum(rows) == len(data.holdout)
    assert trainer.holdout_loss(policy) == first
    data.train.close()


def test_half_precision_is_taken_where_the_device_has_it_and_not_where_it_is_emulated(monkeypatch):
    for has_it, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation=True, h=has_it: h or including_emulation
        )
        assert precision(TrainConfig(), torch.device("cuda")) == expected


def test_a_weight_that_never_had_a_gradient_does_not_stop_a_resumed_run(make_dataset, small, tmp_path):
    config, device = small(make_dataset(2)), torch.device("cpu")
    data = load_data(config, device)
    first, again = Trainer(config, data, device), Trainer(config, data, device)
    first.update()
    unused = first.parameters[0]
    del first.optimizer.state[unused]  # as of a model's pooler, which nothing asks
    first.save(tmp_path, {})
    again.restore(tmp_path)
    assert again.step == 1 and again.parameters[0] not in again.optimizer.state
    assert len(again.optimizer.state) == len(again.parameters) - 1
    data.train.close()


def test_a_resumed_run_notices_that_its_data_were_edited(make_dataset, small, tmp_path):
    path, device = make_dataset(2), torch.device("cpu")
    config = small(path)
    data = load_data(config, device)
    Trainer(config, data, device).save(tmp_path / "state", {})
    data.train.close()
    with Dataset.open(path, "a") as edited:
        apply(edited, Relabel((0,), phase=Phase.CORRECTION, steps=(2, 4)))
    data = load_data(config, device)
    with pytest.raises(TrainingError, match="another data lies there: contents was"):
        Trainer(config, data, device).restore(tmp_path / "state")
    data.train.close()


def test_a_recipe_is_read_strictly(tmp_path):
    recipe = tmp_path / "train.yaml"
    recipe.write_text("steps: 5\npolicy: {horizon: 8, n_action_steps: 4, head: {name: flow, width: 32}}\n")
    config = training_config.load(recipe)
    assert (config.steps, config.policy.horizon, config.policy.head.width) == (5, 8, 32)
    recipe.write_text("stesp: 5\n")
    with pytest.raises(TrainingError, match=r"train\.yaml: unknown option 'stesp'\. Did you mean 'steps'"):
        training_config.load(recipe)
    folder = workspace.root() / "policies" / "flow_lift"
    named = training_config.load("flow_lift")
    assert training_config.load(folder) == training_config.load(folder / "train.yaml") == named
    with pytest.raises(TrainingError, match="no recipe 'flow_lfit'"):
        training_config.load("flow_lfit")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr: fast", "lr is 'fast'; it must be a number"),
        ("warmup: 20.5", "warmup is 20.5; it must be a whole number"),
        ("select: some", "select is 'some'; it must be one of all, successful, human, rac"),
        ("policy: {n_obs: two}", "policy.n_obs is 'two'; it must be a whole number"),
        ("policy: {head: {name: flow, width: wide}}", "policy.head.width is 'wide'; it must be a whole number"),
        ("policy: {head: {name: [flow]}}", "policy.head.name is ['flow']; it must be a text"),
        ("policy: {head: {width: 3}}", "policy.head.name is empty; it must be a text"),
        ("policy: {head: flow}", "policy.head is 'flow'; it must be a mapping"),
        ("policy: {encoder: {crop: no}}", "policy.encoder.crop is False; it must be a number"),
        ("policy: {auxiliary: {latents: much}}", "policy.auxiliary.latents is 'much'; it must be a number"),
        ("policy:", "policy is empty; it must be a mapping"),
    ],
)
def test_a_value_of_another_kind_is_named_with_file_and_key(text, words, tmp_path):
    recipe = tmp_path / "train.yaml"
    recipe.write_text(text)
    with pytest.raises(TrainingError) as raised:
        training_config.load(recipe)
    assert str(raised.value).startswith(f"{recipe}: {words}")


def test_a_number_with_an_exponent_is_a_number(tmp_path):
    recipe = tmp_path / "train.yaml"
    recipe.write_text("lr: 1e-3\nsteps: 2e3\ndataset: lift\n")
    config = training_config.load(recipe)
    assert (config.lr, config.steps, [str(d) for d in config.dataset]) == (0.001, 2000, ["lift"])


def test_held_out_episodes_stay_held_out_as_the_data_grows():
    class Stub:
        def __init__(self, i):
            self.attributes = {"id": f"episode-{i}"}

    small_set, large_set = [Stub(i) for i in range(40)], [Stub(i) for i in range(50)]
    _, held = split(small_set, 0.1, seed=0)
    train_again, held_again = split(large_set, 0.1, seed=0)
    ids = {e.attributes["id"] for e in held_again}
    assert len(held) == 4 and len(held_again) == 5 and len(train_again) == 45
    assert sum(e.attributes["id"] in ids for e in held) >= 3


def test_an_unknown_weighting_names_the_nearest(make_dataset, small):
    with pytest.raises(DatasetError, match="Did you mean 'sirius'"):
        train(small(make_dataset(2), weights="siruis"), progress=False)
