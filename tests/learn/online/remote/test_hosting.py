"""A session behind a node graph: what its learner writes down and tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.online import recipe
from robot_rl.learn.online.curve import make_point
from robot_rl.learn.online.folder import EPISODES
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote.hosting import Hosted
from robot_rl.learn.online.tally import Tally

SETUP = hardware_config.load("sim_pegslot")


class Graph:
    """What an actor and a recorder behind ROS tell a hosted learner."""

    def __init__(self, plan: Recipe, folder: Path, **options: Any) -> None:
        recipe.save(plan, folder)
        self.folder, self.tally, self.curve = folder, Tally(), list[dict[str, Any]]()
        self.said: list[str] = []
        options = {"setup": SETUP, "in_background": lambda work: work(), "told": self.said.append} | options
        self.hosted = Hosted(plan, folder, **options)
        self.dataset = Dataset.open_or_create(folder / EPISODES, SETUP.spec)

    def episode(self, steps: int, human_steps: int) -> None:
        """One is recorded; its rows did not come."""
        period, size = SETUP.spec.period_ns, SETUP.spec.action.size
        with self.dataset.new_episode(purpose="deployment", seed=0) as writer:
            for t in range(steps + 1):
                for f in SETUP.spec.observation.vectors:
                    writer.add_sample(Sample(f.name, t * period, np.zeros(f.shape)))
                if t < steps:
                    source = Source.HUMAN if t < human_steps else Source.POLICY
                    none = np.full(size, np.nan)
                    writer.add_step(Step(t * period, np.zeros(size), none, none, source, Phase.AUTONOMOUS))
            writer.commit(True, end=steps * period)
        self.tally.recorded(steps, human_steps, True, 1.0)
        self._tell("fetch")

    def evaluation(self) -> None:
        self.curve.append(asdict(make_point(self.tally, [(True, 5)] * 3, SETUP.spec.rate, 0, {})))
        self._tell("point")

    def _tell(self, kind: str) -> None:
        noise = torch.Generator().get_state().numpy()
        server: Any = SimpleNamespace(send=lambda message: None)
        content = {"tally": self.tally.to_dict(), "curve": self.curve, "exploration": noise}
        self.hosted.learning._handle({"kind": kind, **content}, server)


@pytest.fixture
def begin(actors_recipe: Recipe, tmp_path: Path) -> Callable[..., Graph]:
    return lambda **options: Graph(actors_recipe, tmp_path / "session", **options)


def test_the_report_is_written_at_an_evaluation_and_at_the_end(begin: Callable[..., Graph]) -> None:
    graph = begin(notes=["It practised in turn."])
    report = graph.folder / "report.html"
    graph.episode(6, 3)
    assert not report.exists()
    graph.evaluation()
    text = report.read_text()
    assert "3/3" in text and "6 robot steps in 1 episodes, 3 of them by a human" in text
    assert "3 trials of the policy&#x27;s mean action from held-out initial states (seeds 1000000 to 1000002)" in text
    assert "It practised in turn." in text and (graph.folder / "curve.png").is_file()
    graph.episode(4, 0)
    assert graph.hosted.close() == report
    assert "10 robot steps in 2 episodes" in report.read_text()
    assert graph.hosted.close() is None, "it is closed once"


def test_after_each_episode_it_says_how_the_session_goes(begin: Callable[..., Graph]) -> None:
    graph = begin()
    graph.episode(6, 3)
    graph.episode(6, 0)
    graph.hosted.close()
    first, second = graph.said
    assert first.startswith("1/1 of the last succeeded, 50% by the human")
    assert second.startswith("2/2 of the last succeeded, 25% by the human")


def test_a_session_without_an_episode_leaves_no_report(begin: Callable[..., Graph]) -> None:
    graph = begin()
    assert graph.hosted.close() is None
    assert not (graph.folder / "report.html").exists()


def test_a_report_that_cannot_be_written_costs_the_session_nothing(
    begin: Callable[..., Graph], caplog: pytest.LogCaptureFixture
) -> None:
    graph = begin()
    (graph.folder / "report.html").mkdir()
    graph.episode(6, 0)
    graph.evaluation()
    assert graph.hosted.close() is None
    assert "the report is not complete" in caplog.text and "IsADirectoryError" in caplog.text
    assert (graph.folder / "session.json").is_file()


def test_a_figure_that_cannot_be_drawn_costs_the_session_nothing(
    begin: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def draw(*args: object) -> None:
        raise ZeroDivisionError

    graph = begin()
    monkeypatch.setattr("robot_rl.learn.online.book.draw", draw)
    graph.episode(6, 0)
    graph.evaluation()
    assert graph.hosted.close() is None
    assert "ZeroDivisionError" in caplog.text
    assert "6 robot steps in 1 episodes" in (graph.folder / "report.html").read_text()


def test_an_older_report_does_not_come_after_a_newer_one(begin: Callable[..., Graph]) -> None:
    waiting: list[Callable[[], None]] = []
    graph = begin(in_background=waiting.append)
    report = graph.folder / "report.html"
    graph.episode(6, 0)
    graph.evaluation()
    graph.episode(4, 0)
    graph.evaluation()
    newer, older = waiting.pop(), waiting.pop()
    newer()
    older()
    assert "10 robot steps in 2 episodes" in report.read_text()
    graph.evaluation()
    graph.episode(5, 0)
    graph.hosted.close()
    waiting.pop()()
    assert "15 robot steps in 3 episodes" in report.read_text()


def test_a_resumed_session_brings_the_picture_of_its_curve_up_to_date(
    begin: Callable[..., Graph], tmp_path: Path
) -> None:
    graph = begin()
    graph.episode(6, 0)
    graph.evaluation()
    graph.hosted.close()
    picture = graph.folder / "curve.png"
    right = picture.read_bytes()
    picture.write_bytes(b"of an earlier evaluation")  # as where the session was killed before it was drawn
    assert (again := Hosted(recipe.load(graph.folder), graph.folder, SETUP, lambda work: work())).close()
    assert picture.read_bytes() == right and again.folder == graph.folder


def test_at_a_real_robot_no_held_out_states_are_spoken_of(begin: Callable[..., Graph]) -> None:
    graph = begin(setup=replace(SETUP, simulated=False))
    graph.episode(6, 0)
    graph.evaluation()
    graph.hosted.close()
    text = (graph.folder / "report.html").read_text()
    assert "Success at the robot" in text and "held-out" not in text and "mean action at the robot itself" in text


def test_a_session_that_was_never_evaluated_does_not_say_what_an_evaluation_is(begin: Callable[..., Graph]) -> None:
    graph = begin()
    graph.episode(6, 0)
    graph.hosted.close()
    text = (graph.folder / "report.html").read_text()
    assert "not evaluated yet" in text and "An evaluation is" not in text and "seeds" not in text
