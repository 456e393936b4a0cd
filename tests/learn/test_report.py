import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from robot_rl.datasets import Dataset, Phase, Source
from robot_rl.learn.film import Clip, animation_uri, episode_row, step_kinds, strip_indices
from robot_rl.learn.report import RunReport, Stage, render, write_report


@pytest.fixture
def clip() -> Clip:
    frames = np.zeros((30, 12, 16, 3), np.uint8)
    frames[:, :, :8] = np.arange(30, dtype=np.uint8)[:, None, None, None] * 8
    return Clip("episode 4", frames, 20.0, ("autonomous",) * 20 + ("recovery",) * 10)


@pytest.fixture
def report(clip: Clip) -> RunReport:
    seeds = tuple(range(10))
    return RunReport(
        title="Lift <1>",
        summary="Ten trials.",
        stages=(
            Stage("before", (True,) * 4 + (False,) * 6, seeds, clip=clip),
            Stage("after", (True,) * 10, seeds, note="retrained"),
        ),
        curves={"before": {"loss": [(1, 1.0), (2, 0.5)], "holdout_loss": [(2, 0.7)]}},
        facts={"Command": "make demo"},
        notes=("A script stands in for a person.",),
    )


def test_the_page_needs_nothing_but_itself(report, tmp_path):
    text = write_report(report, tmp_path / "runs" / "report.html").read_text()
    assert all(uri.startswith("data:") for uri in re.findall(r'(?:src|href|srcset)="([^"]*)', text))
    assert "http" not in text and "url(" not in text and "@import" not in text


def test_the_table_gives_rate_interval_trials_and_the_paired_comparison(report):
    text = render(report)
    assert "<td>40%</td>" in text and "17% to 69%" in text  # Wilson for 4 of 10: 0.168 to 0.687
    assert "+60 points" in text and "6 states won, 0 lost, 4 alike" in text
    assert "p = 0.031" in text  # 2 / 2^6
    assert "Lift &lt;1&gt;" in text and "<1>" not in text


def test_stages_on_other_states_are_not_compared():
    stages = (Stage("a", (True, False), (1, 2)), Stage("b", (True, True), (3, 4)))
    assert "points" not in render(RunReport("t", "s", stages))


def test_sections_without_content_are_left_out(report):
    text = render(report)
    assert "<h2>Learning curves</h2>" in text and "<h2>Pictures</h2>" in text
    assert "<h2>Where the operator stepped in</h2>" not in text
    assert render(RunReport("t", "s", ())).count("<h2>") == 0


def test_an_animation_keeps_the_length_of_the_episode_when_thinned(clip):
    raw = base64.b64decode(animation_uri(clip, max_frames=10).partition(",")[2])
    movie = Image.open(io.BytesIO(raw))
    assert movie.n_frames == 10
    shown = []
    for i in range(10):
        movie.seek(i)
        movie.load()
        shown.append(movie.info["duration"])
    assert shown[:-1] == [150] * 9  # every third of 30 frames at 20 Hz
    assert sum(shown) - 900 == 1500


def test_a_strip_shows_first_and_last_step():
    assert strip_indices(30, 4) == [0, 10, 19, 29]
    assert strip_indices(3, 8) == [0, 1, 2]
    assert strip_indices(1, 8) == [0]


def test_step_kinds_tell_phases_and_idle_steps_apart(make_dataset):
    human = Dataset.open(make_dataset(1, "a", source=Source.HUMAN, phase=Phase.CORRECTION))[0]
    idle = Dataset.open(make_dataset(1, "b", source=Source.NONE, phase=Phase.AUTONOMOUS))[0]
    assert set(step_kinds(human)) == {"correction"} and len(step_kinds(human)) == 40
    assert set(step_kinds(idle)) == {"nobody"}
    assert episode_row(human).success is True
