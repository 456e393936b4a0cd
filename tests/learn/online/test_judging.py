"""A reward classifier ends the episodes that are learnt from; what evaluations say is still true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset
from robot_rl.hardware.camera import CameraError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import recipe_workcell, workcell
from robot_rl.rewards.errors import RewardError
from robot_rl.runtime.resets import SelfResetting

CONFIG = OnlineConfig(
    RlpdConfig(SacConfig(critics=2, hidden=(8,), batch=8)),
    observation=("tip", "slot"),
    demo_share=0.0,
    steps=12,
    warmup=100,
    evaluation_seeds=(1_000_000, 1_000_001),
)


def test_what_the_classifier_believes_ends_the_episode_and_what_is_true_is_measured(
    tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    folder = classifier(tmp_path, 0.0, (3, 4))
    with workcell("sim_pegslot", cameras=("front",), classifier=folder) as cell:
        session = Session(CONFIG, cell)
        (point,) = session.run()
    assert session.tally.episodes == 4 and session.tally.successes == 4, "each is over with its third picture"
    assert point.successes == 0
    rewards = session.learner.replay.columns["reward"][:4]
    np.testing.assert_array_equal(rewards, [0, 0, 1, 0])


def test_a_classifier_whose_camera_is_closed_or_of_another_size_is_refused(
    tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    good, wide = classifier(tmp_path / "a", 0.5), classifier(tmp_path / "b", 0.5, width=96)
    with (
        pytest.raises(CameraError, match="camera 'front', which is not open"),
        workcell("sim_pegslot", classifier=good),
    ):
        pass
    with (
        pytest.raises(RewardError, match="96 x 64 px.*64 x 64 px"),
        workcell("sim_pegslot", cameras=("front",), classifier=wide),
    ):
        pass


def test_a_recipe_lets_the_robot_reset_itself_and_sets_it_up_once() -> None:
    with recipe_workcell(Recipe(robot="sim_pickinsert", reset="scripted")) as cell:
        robot = cell.robot
        assert isinstance(robot, SelfResetting)
        robot.reset(0)
        robot.reset(1)
        assert (robot.set_up, robot.driven) == (1, 1)


def test_regrasping_begins_every_episode_with_the_peg_in_hand_and_is_evaluated_so(tmp_path: Path) -> None:
    recipe = Recipe(robot="sim_pickinsert", reset="regrasp")
    config = replace(CONFIG, observation=("hand", "peg"), steps=90, warmup=1000)
    with (
        recipe_workcell(recipe) as cell,
        Dataset.create(tmp_path / "episodes", cell.robot.spec, {}) as dataset,
    ):
        session = Session(config, cell, dataset=dataset)
        session.run()
        for episode in dataset:
            assert episode.aligned(["holding"])["holding"][0] == 1.0
        assert session.tally.driven == session.tally.episodes > 1
        assert session.tally.reset_steps > 0
        assert cell.twin is not None and cell.twin.resets.driven == 2


@pytest.mark.parametrize("ends", [False, True])
def test_a_recipe_says_whether_an_episode_ends_when_its_person_hands_back(ends: bool) -> None:
    recipe = Recipe(robot="sim_pegslot", operator="expert", end_after_intervention=ends)
    with recipe_workcell(recipe) as cell:
        assert cell.rules.end_after_intervention is ends
