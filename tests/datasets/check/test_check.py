"""Faults put into a sound data set are found, each by its name and place; a sound one shows nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from robot_rl.control.safety import Safety
from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.datasets.check.findings import CheckReport, Finding, Severity
from robot_rl.datasets.check.render import render
from robot_rl.datasets.check.run import check
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

PERIOD = 50_000_000
SPEC = Spec(
    robot="arm",
    rate=20.0,
    observation=Layout(
        (Field("pose", (7,), "pose", unit="m"), Field("force", (1,), unit="N"), Field("q", (2,), "joint_position"))
    ),
    action=Layout((Field("twist", (6,), "twist", unit="m/s", low=(-1,) * 6, high=(1,) * 6),)),
)
CAMERAS = {"front": CameraConfig("front", "mujoco", width=16, height=12, fps=20.0)}
STEPS = 60


class Faults:
    """A recording of a robot that follows its commands half a period late, with what a test does to it."""

    def __init__(self, **faults: Any) -> None:
        self.faults = faults

    def record(self, dataset: Dataset, seed: int) -> None:
        f, rng = self.faults, np.random.default_rng(seed)
        command = np.zeros((STEPS, 6))
        command[:, :3] = np.repeat(rng.normal(size=(STEPS // 5, 3)), 5, axis=0) * f.get("pace", 0.1)
        delay = f.get("delay", 0)
        moved = np.concatenate([np.zeros((delay, 3)), command[:, :3]])[: STEPS + 1]
        position = np.concatenate([np.zeros((1, 3)), np.cumsum(moved, axis=0) * 0.05])[: STEPS + 1]
        attributes = {"operator": f.get("operator", "ann"), "instruction": f.get("instruction", "lift")}
        with dataset.new_episode(**attributes) as writer:
            for t in range(STEPS + 1):
                stamp = t * PERIOD + (f.get("leap", 0) if t >= 30 else 0)
                pose = np.concatenate([position[t], [0, 0, 0, 1]])
                if t == f.get("nan"):
                    pose = np.full(7, np.nan)
                force = float(np.clip(rng.normal(), -f.get("clip", 99), f.get("clip", 99)))
                q = np.full(2, 0.3) if f.get("dead") else position[t, :2]
                for name, value in {"pose": pose, "force": np.array([force]), "q": q}.items():
                    if t >= f.get("late", {}).get(name, 0) and t < f.get("ends", {}).get(name, 99):
                        writer.add_sample(Sample(name, stamp + f.get("ahead", {}).get(name, 0) * (t > 30), value))
                picture = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
                if f.get("frozen", (99, 99))[0] <= t < f.get("frozen", (99, 99))[1]:
                    picture[:] = 77
                if t not in f.get("dropped", ()):
                    writer.add_sample(
                        Sample("front", stamp + f.get("jitter", 0) * (t % 2), picture * f.get("light", 1))
                    )
                if t < STEPS:
                    writer.add_step(self._step(t, stamp, command[t]))
            writer.commit(f.get("success", True))

    def _step(self, t: int, stamp: int, executed: np.ndarray) -> Step:
        asked = executed + (0.5 if t % 3 == 0 and self.faults.get("clipped") else 0.0)
        if self.faults.get("unasked"):
            asked = np.full(6, np.nan)
        flag = Safety.RATE if t % 3 == 0 and self.faults.get("clipped") else Safety(0)
        return Step(stamp, executed, np.full(6, np.nan), asked, Source.HUMAN, Phase.DEMONSTRATION, safety=flag)


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., CheckReport]:
    """The report on three sound episodes and one with these faults."""

    def make(**faults: Any) -> CheckReport:
        with Dataset.create(tmp_path / "data", SPEC, CAMERAS) as dataset:
            for seed in range(3):
                Faults().record(dataset, seed)
            Faults(**faults).record(dataset, 3)
        return check(Dataset.open(dataset.path))

    return make


def only(report: CheckReport, kind: str) -> Finding:
    """The one finding of that kind; nothing else may have been found of that weight in the last episode."""
    matching = [f for f in report.findings if f.kind == kind]
    assert len(matching) == 1, [f"{f.kind} {f.stream}: {f.message}" for f in report.findings]
    others = [f for f in report.findings if f.kind != kind and f.severity >= Severity.WARNING]
    assert not others, [f"{f.kind} {f.stream}: {f.message}" for f in others]
    return matching[0]


def test_a_sound_data_set_shows_only_what_never_changes(found: Callable[..., CheckReport]) -> None:
    report = found()
    assert {(f.kind, f.severity) for f in report.findings} == {
        ("constant action", Severity.INFO),  # it never turns
        ("constant channel", Severity.INFO),
    }
    assert report.figures["lag of pose behind twist [ms]"] == pytest.approx(0, abs=3)
    assert report.figures["executed differs from human [% of steps]"] == 0


@pytest.mark.parametrize(
    ("faults", "kind", "severity", "stream", "figure"),
    [
        ({"dropped": (10, 11, 40)}, "dropped frames", Severity.WARNING, "front", 100 * 3 / 61),
        ({"jitter": 15_000_000}, "jitter", Severity.WARNING, "front", 15.0),
        ({"leap": 2_000_000_000}, "clock step", Severity.ERROR, "", 2.0),
        ({"ahead": {"force": 800_000_000}}, "clock step", Severity.ERROR, "force", 800.0),
        ({"late": {"force": 9}}, "late start", Severity.WARNING, "force", 450.0),
        ({"ends": {"force": 41}}, "early end", Severity.WARNING, "force", 1000.0),
        (
            {"ends": {"pose": 41, "force": 41, "q": 41}},
            "early end",
            Severity.WARNING,
            "pose, force, q",  # parts of one reading
            1000.0,
        ),
        ({"late": {"force": 99}}, "silent stream", Severity.ERROR, "force", 0.0),
        ({"frozen": (10, 30)}, "frozen pictures", Severity.WARNING, "front", 0.95),
        ({"frozen": (0, 61)}, "frozen pictures", Severity.ERROR, "front", 3.0),
        ({"light": 0}, "black pictures", Severity.WARNING, "front", 100.0),
        ({"nan": 7}, "not finite", Severity.ERROR, "pose", 1.0),
        ({"unasked": True}, "missing request", Severity.WARNING, "human", 60.0),
        ({"success": None}, "unlabelled", Severity.WARNING, "", None),
        ({"instruction": ""}, "no task text", Severity.INFO, "", None),
        ({"delay": 6}, "unusual lag", Severity.WARNING, "pose", 300.0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_in_one_episode_is_found_there(
    found: Callable[..., CheckReport],
    faults: dict[str, Any],
    kind: str,
    severity: Severity,
    stream: str,
    figure: float | None,
) -> None:
    report = found(**faults)
    if kind == "black pictures":  # these are frozen too
        report = CheckReport(4, tuple(f for f in report.findings if f.kind != "frozen pictures"))
    finding = only(report, kind)
    assert (finding.episode, finding.stream, finding.severity) == (3, stream, severity)
    if figure is not None:
        assert finding.figure == pytest.approx(figure, rel=0.02)


def whole(path: Path, *faults: dict[str, Any]) -> CheckReport:
    with Dataset.create(path, SPEC, CAMERAS) as dataset:
        for seed, one in enumerate(faults):
            Faults(**one).record(dataset, seed)
    return check(Dataset.open(path))


def test_each_stream_without_a_sample_is_named(found: Callable[..., CheckReport]) -> None:
    report = found(late={"force": 99, "q": 99})
    assert [f.stream for f in report.findings if f.kind == "silent stream"] == ["force", "q"]


def test_faults_of_the_whole_data_set_are_found(tmp_path: Path) -> None:
    report = whole(tmp_path / "d", *[{"delay": 4, "clip": 1.0, "dead": True, "clipped": True}] * 3)
    by_kind = {(f.kind, f.stream): f for f in report.findings}
    assert by_kind["lag", "pose"].figure == pytest.approx(200, abs=5)
    assert by_kind["saturated channel", "force"].figure == pytest.approx(16, abs=5)  # of a normal, beyond one sigma
    assert by_kind["constant channel", "q"].severity is Severity.WARNING
    assert by_kind["clipping", "human"].figure == pytest.approx(100 / 3)
    assert "RATE 33%" in by_kind["clipping", "human"].message


def test_operators_of_different_pace_are_told_apart(tmp_path: Path) -> None:
    slow, fast = {"operator": "ann", "pace": 0.1}, {"operator": "bo", "pace": 0.25}
    report = whole(tmp_path / "d", *[slow, fast] * 4)
    finding = next(f for f in report.findings if f.kind == "operators differ in speed")
    assert finding.figure == pytest.approx(2.5, rel=0.2)
    assert finding.stream == "bo / ann"
    same = whole(tmp_path / "same", *[slow, slow | {"operator": "bo"}] * 4)
    assert not [f for f in same.findings if f.kind in ("operators differ in speed", "two speeds")]


def test_an_unreadable_episode_is_a_finding_and_the_others_are_still_checked(tmp_path: Path) -> None:
    path = tmp_path / "d"
    whole(path, {}, {"success": None})
    (path / "episodes/000000/steps/executed/c.0.0").write_bytes(b"short")
    report = check(Dataset.open(path))
    assert {(f.kind, f.episode) for f in report.findings if f.severity > 0} == {("unreadable", 0), ("unlabelled", 1)}


def test_the_same_finding_in_many_episodes_is_one_row(tmp_path: Path) -> None:
    report = whole(tmp_path / "d", *[{"success": None}] * 4)
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(render(report))
    text = console.export_text()
    assert text.count("nobody said whether it succeeded") == 1
    assert "4 episodes: 0-3" in text
    assert text.strip().splitlines()[-1].startswith("4 episodes: 1 warning, ")
