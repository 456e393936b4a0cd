from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl import cli
from robot_rl.commands.data_jobs.report import default_output
from robot_rl.datasets import Dataset, DatasetError, Phase, Sample, Source, Step
from robot_rl.datasets.check.findings import CheckReport, Finding, Severity
from robot_rl.datasets.report import sections
from robot_rl.datasets.report.gather import gather, shrunk
from robot_rl.datasets.report.units import units
from robot_rl.datasets.report.write import render, write_report
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

PERIOD = 50_000_000
SPEC = Spec(
    robot="arm",
    rate=20.0,
    observation=Layout((Field("tip", (7,), "pose", unit="m", frame="base"),)),
    action=Layout((Field("twist", (2,), unit="m/s", low=(-1, -1), high=(1, 1)),)),
)
CAMERAS = {"wrist": CameraConfig("wrist", "mujoco", width=16, height=12, fps=20.0, depth=True)}
Record = Callable[..., int]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.create(tmp_path / "lift", SPEC, CAMERAS)


@pytest.fixture
def record(dataset: Dataset) -> Record:
    def one(steps: int, success: bool | None, operator: str) -> int:
        with dataset.new_episode(instruction="lift <it>", operator=operator) as writer:
            for t in range(steps + 1):
                writer.add_sample(Sample("tip", t * PERIOD, np.array([0.1 * t, 0, 0.2, 0, 0, 0, 1])))
                writer.add_sample(Sample("wrist", t * PERIOD, np.full((12, 16, 3), 20 * t, np.uint8)))
                writer.add_sample(Sample("wrist_depth", t * PERIOD, np.full((12, 16), 900 + t, np.uint16)))
                if t < steps:
                    action, none = np.array([0.01 * t, 0.5]), np.full(2, np.nan)
                    writer.add_step(Step(t * PERIOD, action, none, action, Source.HUMAN, Phase.DEMONSTRATION))
            return writer.commit(success)

    return one


def test_the_page_shows_rates_with_intervals_by_operator(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    for success, operator in ((True, "ann"), (True, "ann"), (False, "bo"), (None, "bo")):
        record(5, success, operator)
    write_report(dataset, tmp_path / "out" / "report.html")
    text = (tmp_path / "out" / "report.html").read_text()
    assert ">ann</text>" in text and ">2/2</text>" in text
    assert ">bo</text>" in text and ">0/1</text>" in text
    assert "<b>67%</b>" in text and "2 of 3, 95 %: 21% to 94%" in text  # Wilson, by hand
    assert "lift &lt;it&gt;" in text and "<it>" not in text
    assert "nobody said whether it succeeded" in text


def test_what_nobody_judged_is_counted_apart_on_the_page(dataset: Dataset, record: Record) -> None:
    for success in (True, False, False):
        record(5, success, "ann")
    with dataset.new_episode(operator="bo") as writer:
        writer.add_sample(Sample("tip", 0, np.zeros(7)))
        none = np.full(2, np.nan)
        writer.add_step(Step(0, np.zeros(2), none, none, Source.POLICY, Phase.AUTONOMOUS))
        writer.commit(False, judged=False)
    contents = gather(dataset, pictures=0)
    assert [card.verdict for card in contents.cards] == ["success", "failure", "failure", "unjudged"]
    text = render(contents)
    assert "<b>33%</b>" in text and "1 of 3, " in text and "1 nobody judged" in text  # not 1 of 4
    assert ">1/3</text>" in text and ">bo</text>" not in text, "its operator has no rate"


def test_the_page_needs_nothing_but_itself(dataset: Dataset, record: Record) -> None:
    record(5, True, "ann")
    text = render(gather(dataset, pictures=9))
    assert all(uri.startswith("data:") for uri in re.findall(r'(?:src|href|srcset)="([^"]*)', text))
    assert "http" not in text and "url(" not in text and "@import" not in text


def test_stills_are_the_first_the_middle_and_the_last_picture(dataset: Dataset, record: Record) -> None:
    from PIL import Image

    record(10, True, "ann")
    (card,) = gather(dataset, pictures=1).cards
    uris = card.stills["wrist"]
    levels = [np.asarray(Image.open(io.BytesIO(base64.b64decode(u.partition(",")[2])))).mean() for u in uris]
    np.testing.assert_allclose(levels, [0, 100, 200], atol=2)


def test_pictures_of_few_episodes_are_spread_over_the_data_set(dataset: Dataset, record: Record) -> None:
    for _ in range(5):
        record(2, True, "ann")
    contents = gather(dataset, pictures=3)
    assert [card.number for card in contents.cards if card.stills] == [0, 2, 4]
    assert "3 of 5 episodes are shown" in render(contents)


def test_positions_and_actions_of_every_step_are_gathered(dataset: Dataset, record: Record) -> None:
    record(3, True, "ann")
    record(2, False, "ann")
    contents = gather(dataset, pictures=0)
    np.testing.assert_allclose(contents.positions["tip"][:, 0], [0, 0.1, 0.2, 0, 0.1])
    np.testing.assert_allclose(contents.actions[Source.HUMAN][:, 0], [0, 0.01, 0.02, 0, 0.01])
    assert contents.cards[0].seconds == pytest.approx(0.15)


def test_an_unreadable_episode_is_named_and_the_others_are_shown(dataset: Dataset, record: Record) -> None:
    record(3, True, "ann")
    record(3, True, "ann")
    (dataset.path / "episodes/000000/steps/executed/c.0.0").write_bytes(b"cut")
    contents = gather(dataset, pictures=9)
    assert contents.unreadable == (0,)
    assert [card.number for card in contents.cards] == [1]
    assert "c.0.0 has 3 bytes" in render(contents)


def test_an_empty_data_set_or_a_folder_that_cannot_be_written_is_refused(
    dataset: Dataset, record: Record, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="holds no episode"):
        write_report(dataset, tmp_path / "r.html")
    record(2, None, "ann")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="cannot be written"):
        write_report(dataset, tmp_path / "file" / "r.html")
    write_report(dataset, tmp_path / "r.html")
    assert "nobody judged any episode" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("severities", "count", "words"),
    [
        ((), 0, "the check found nothing"),
        ((Severity.INFO,), 0, "only 1 note; see below"),
        ((Severity.WARNING, Severity.INFO, Severity.INFO), 1, "1 warning, 2 notes; see below"),
        ((Severity.ERROR, Severity.ERROR, Severity.WARNING), 3, "2 errors, 1 warning; see below"),
    ],
)
def test_the_first_figures_and_the_table_below_say_the_same_of_what_was_found(
    dataset: Dataset, record: Record, severities: tuple[Severity, ...], count: int, words: str
) -> None:
    record(5, True, "ann")
    findings = tuple(Finding(s, f"kind {i}", "message", "remedy") for i, s in enumerate(severities))
    contents = replace(gather(dataset, pictures=0), checked=CheckReport(1, findings))
    assert sections.found(contents) == (count, words)
    name = "problem" if count == 1 else "problems"
    tile = f"<b>{count or 'none'}</b><span>{name}</span><small>{words}</small>"
    assert tile in sections.tiles(contents)
    text = render(contents)
    assert "Problems and notes" in text and text.count('class="chip') == len(severities)


def test_plots_name_their_axes_with_units(dataset: Dataset, record: Record) -> None:
    record(5, True, "ann")
    contents = gather(dataset, pictures=0)
    assert contents.units == ("m/s", "m/s")
    text = render(contents)
    for name in ("length [s]", "episodes", "twist.0 [m/s]", "steps", "x [m]", "z [m]", "episode", "step"):
        assert f">{name}</text>" in text, name


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field("twist", (6,), "twist", unit="m/s, rad/s"), ["m/s"] * 3 + ["rad/s"] * 3),
        (Field("wrench", (6,), "wrench", unit="N, N m"), ["N"] * 3 + ["N m"] * 3),
        (Field("tip", (3,), unit="m/s, m/s, rad/s"), ["m/s", "m/s", "rad/s"]),
        (Field("pair", (2,), unit="N, 1"), ["N", ""]),
        (Field("ee_pose", (7,), "pose", unit="m, 1"), ["m"] * 3 + [""] * 4),
        (Field("gripper", (1,)), [""]),
        (Field("joints", (2,), unit="rad"), ["rad", "rad"]),
    ],
)
def test_each_number_has_its_own_unit(field: Field, expected: list[str]) -> None:
    assert units(field) == expected


def test_from_the_command_line(
    dataset: Dataset, record: Record, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(2, True, "ann")
    assert cli.main(["data", "report", str(dataset.path), "--output", str(tmp_path / "x.html")]) == 0
    assert "x.html: 1 episodes" in capsys.readouterr().out
    assert (tmp_path / "x.html").stat().st_size > 5000


def test_by_default_the_page_lies_beside_the_data_set(
    dataset: Dataset, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(2, True, "ann")
    (tmp_path / "elsewhere").mkdir()
    for here, name in ((tmp_path / "elsewhere", str(dataset.path)), (dataset.path, ".")):
        monkeypatch.chdir(here)
        before = set(here.iterdir())
        assert cli.main(["data", "report", name]) == 0
        assert set(here.iterdir()) == before
        (dataset.path.parent / "lift_report.html").unlink()


def test_the_page_of_a_data_set_in_an_object_store_lies_here() -> None:
    assert default_output(Path("s3://bucket/lift")) == Path("lift_report.html")
    assert default_output(Path("datasets/lift")) == Path("datasets/lift_report.html")


def test_pictures_shrink_by_averaging_whole_blocks() -> None:
    picture = np.zeros((200, 8, 3), np.uint8)
    picture[::2] = 100
    small = shrunk(picture, height=96)
    assert small.shape == (100, 4, 3)
    assert (small == 50).all()
    assert shrunk(picture, height=300).shape == picture.shape
