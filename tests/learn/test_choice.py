import json

import pytest

from robot_rl import workspace
from robot_rl.learn import run as run_files
from robot_rl.learn.choice import Candidate, Choice, require_simulated, validation_seeds
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.curves import load_curves
from robot_rl.learn.divergence import Divergence
from robot_rl.learn.evaluate import EvaluationResult, Trial
from robot_rl.learn.train import train
from robot_rl.learn.trainer import Trainer
from robot_rl.policies import checkpoint


def test_the_checkpoint_of_most_success_is_kept_and_the_later_of_equals():
    choice = Choice("success")
    kept = [choice.consider(Candidate(s, 1.0, n, 10)) for s, n in ((10, 3), (20, 7), (30, 7), (40, 5))]
    assert kept == [True, True, True, False]
    assert choice.best == Candidate(30, 1.0, 7, 10)
    assert "step 30" in choice.why() and "7/10 = 70% [40%, 89%]" in choice.why() and "5/10" in choice.why()


def test_the_checkpoint_of_least_held_out_loss_is_kept():
    choice = Choice("loss")
    kept = [choice.consider(Candidate(s, loss)) for s, loss in ((10, 0.5), (20, 0.2), (30, 0.3), (40, None))]
    assert kept == [True, True, False, False]
    assert choice.best == Candidate(20, 0.2)


def test_a_loss_that_is_not_finite_is_never_the_least():
    choice, nan = Choice("loss"), float("nan")
    kept = [choice.consider(Candidate(s, loss)) for s, loss in ((10, nan), (20, 0.2), (30, nan), (40, 0.9))]
    assert kept == [False, True, False, False]
    assert choice.best == Candidate(20, 0.2)


def test_the_last_one_is_not_called_so_where_a_later_one_was_doubted():
    choice = Choice("last")
    assert choice.consider(Candidate(20)) and not choice.consider(Candidate(40), doubted=True)
    assert choice.why() == "step 20, the last one before the loss rose; step 40 is kept in last/"


def test_a_checkpoint_judged_again_stands_once():
    choice = Choice("success")
    for candidate in (Candidate(10, None, 6, 10), Candidate(20, None, 5, 10), Candidate(20, None, 5, 10)):
        choice.consider(candidate)
    assert [c.step for c in choice.tried] == [10, 20]


def test_to_choose_by_a_held_out_loss_something_must_be_held_out(make_dataset, small):
    config = small(make_dataset(5), holdout=0.05, select_checkpoint="loss")
    with pytest.raises(TrainingError, match=r"of 5 episodes a holdout of 0\.05 is none"):
        train(config, progress=False)


def test_ctrl_c_while_a_checkpoint_is_judged_loses_nothing(make_dataset, small, tmp_path, monkeypatch):
    judged = []

    def evaluate(path, robot, seeds, **options):
        step = checkpoint.read_card(path).training["step"]
        judged.append(step)
        if judged == [20, 40]:
            raise KeyboardInterrupt
        return EvaluationResult(str(path), robot, tuple(Trial(s, step == 40, 9, 0.0, {}, 0.0) for s in seeds), 1)

    monkeypatch.setattr(run_files, "evaluate", evaluate)
    options = {"select_checkpoint": "success", "evaluate_robot": "sim_crazyflie", "evaluate_states": 3}
    config = small(make_dataset(3), holdout=0.3, output=tmp_path / "run", **options)
    with pytest.raises(KeyboardInterrupt):
        train(config, progress=False)
    assert json.loads((tmp_path / "run" / "state" / "state.json").read_text())["step"] == 40
    result = train(config, progress=False)
    assert judged == [20, 40, 40, 60], "it goes on with the judgement"
    assert checkpoint.read_card(result.checkpoint).training["step"] == 40
    steps = [step for step, _ in load_curves(result.directory)["holdout_loss"]]
    assert steps == [20, 40, 60], "and nothing stands twice in the curves"


def test_a_folder_without_a_state_is_not_called_finished(make_dataset, small, tmp_path):
    config = small(make_dataset(3), output=tmp_path / "run")
    train(config, progress=False)
    with pytest.raises(TrainingError, match="holds a finished run"):
        train(config, progress=False)
    (tmp_path / "run" / "selection.json").unlink()
    with pytest.raises(TrainingError, match="holds a checkpoint, but no state to go on from"):
        train(config, progress=False)


def test_a_diverging_run_keeps_the_checkpoint_from_before_and_says_which(make_dataset, small, tmp_path, monkeypatch):
    update = Trainer.update

    def diverging(self):
        _, norm = update(self)
        return (1.0 if self.step <= 30 else 1.15 ** (self.step - 30)), norm

    monkeypatch.setattr(Trainer, "update", diverging)
    config = small(make_dataset(3), steps=200, warmup=5, divergence=3.0, output=tmp_path / "run")
    with pytest.raises(TrainingError, match=r"training diverged: at step 51.*checkpoint is of step 20\."):
        train(config, progress=False)
    assert checkpoint.read_card(tmp_path / "run").training["step"] == 20
    assert checkpoint.read_card(tmp_path / "run" / "last").training["step"] == 40


def test_the_doubted_checkpoint_goes_when_the_loss_has_recovered(make_dataset, small, tmp_path, monkeypatch):
    update, there = Trainer.update, {}

    def rising_for_a_while(self):
        _, norm = update(self)
        there[self.step] = (tmp_path / "run" / "last").exists()
        return (1.6 if 30 < self.step <= 40 else 1.0), norm

    monkeypatch.setattr(Trainer, "update", rising_for_a_while)
    monkeypatch.setattr(Divergence, "rising", property(lambda watch: watch.smoothed > 1.05))
    config = small(make_dataset(3), steps=100, warmup=5, save_every=20, divergence=9.0, output=tmp_path / "run")
    result = train(config, progress=False)
    assert there[41] and not there[100], "step 40 was doubted, step 100 was not"
    assert checkpoint.read_card(result.checkpoint).training["step"] == 100
    assert not (tmp_path / "run" / "last").exists() and result.chosen == "step 100, the last one"


def test_a_choice_goes_on_from_its_state():
    first, again = Choice("success"), Choice("success")
    first.consider(Candidate(10, None, 6, 10))
    again.restore(json.loads(json.dumps(first.state())))
    assert not again.consider(Candidate(20, None, 5, 10))
    assert again.best == Candidate(10, None, 6, 10)


def test_checkpoints_are_compared_on_states_that_nobody_recorded():
    config = TrainConfig(evaluate_states=4, evaluate_seed=10)
    assert validation_seeds(config, {3, 10, 12, 13}) == [11, 14, 15, 16]


def test_only_a_simulated_robot_can_choose_by_success(tmp_path):
    require_simulated("sim_crazyflie")
    text = workspace.find("hardware", "sim_crazyflie", "robot.yaml").read_text()
    real = tmp_path / "crazyflie" / "robot.yaml"
    real.parent.mkdir()
    real.write_text(text.replace("robot_rl.sim.quadrotor.driver:", "robot_rl.hardware.crazyflie:"))
    with pytest.raises(TrainingError, match="crazyflie.* is not simulated: choose 'loss' or 'last'"):
        require_simulated(str(real))


def test_nothing_to_choose_by_is_refused():
    with pytest.raises(TrainingError, match="holdout 0: there is no held-out loss"):
        TrainConfig(select_checkpoint="loss", holdout=0)


@pytest.fixture
def successes(monkeypatch):
    """The simulator's verdict on each checkpoint in turn: 1, 4, then 2 of 5 states."""
    given, asked = iter([1, 4, 2]), []

    def evaluate(path, robot, seeds, **options):
        asked.append((checkpoint.read_card(path).training["step"], robot, tuple(seeds)))
        n = next(given)
        return EvaluationResult(
            str(path), robot, tuple(Trial(s, i < n, 9, 0.0, {}, 0.0) for i, s in enumerate(seeds)), 1
        )

    monkeypatch.setattr(run_files, "evaluate", evaluate)
    return asked


def test_a_run_keeps_its_most_successful_checkpoint_and_its_last(make_dataset, small, successes):
    path = make_dataset(5)  # recorded from the seeds 0 to 4
    options = {"select_checkpoint": "success", "evaluate_robot": "sim_crazyflie", "evaluate_states": 5}
    result = train(small(path, holdout=0.2, evaluate_seed=3, **options), progress=False)
    assert successes == [(step, "sim_crazyflie", (5, 6, 7, 8, 9)) for step in (20, 40, 60)]
    kept, last = (checkpoint.read_card(result.directory / name) for name in ("checkpoint", "last"))
    assert (kept.training["step"], last.training["step"]) == (40, 60)
    assert kept.training["success"] == [4, 5] and kept.training["selection_seeds"] == [5, 6, 7, 8, 9]
    assert load_curves(result.directory)["success"] == [(20, 0.2), (40, 0.8), (60, 0.4)]
    assert result.chosen.startswith("step 40, the one of most simulated success (4/5")
    text = (result.directory / "README.md").read_text()
    assert "Step 40, the one of most simulated success" in text and "](success.svg)" in text
    assert "success of the checkpoints" in (result.directory / "report.html").read_text()


def test_a_run_keeps_its_checkpoint_of_least_held_out_loss(make_dataset, small):
    config = small(make_dataset(5), holdout=0.2, select_checkpoint="loss", steps=80, lr=0.003)
    result = train(config, progress=False)
    losses = dict(load_curves(result.directory)["holdout_loss"])
    kept = checkpoint.read_card(result.checkpoint).training
    assert kept["holdout_loss"] == min(losses.values()) == losses[kept["step"]]
    assert checkpoint.read_card(result.directory / "last").training["step"] == 80
