"""`robot-rl reward` from pictures to labels, on recorded pushes of the Cover task."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from robot_rl import cli
from robot_rl.datasets import Dataset
from robot_rl.hardware.config import CameraConfig
from robot_rl.sim.planar import cover

_location = Path(__file__).parents[1] / "learn" / "rewards" / "conftest.py"
_spec = importlib.util.spec_from_file_location("rewards_conftest", _location)
assert _spec is not None and _spec.loader is not None
recording = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recording)

QUICK = ["--network.channels", "8", "16", "--network.features", "16", "--fit.steps", "60", "--fit.batch", "32"]


@pytest.fixture(scope="module")
def pushes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen pushes, six of which miss."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("datasets") / "pushes"
    camera = CameraConfig("top", "mujoco", width=32, height=32, fps=10.0)
    with Dataset.create(path, recording.SPEC, {"top": camera}, images="zstd") as data:
        recording.record(data, cover.roll_out(range(18), cover.demonstrations(18, rng), rng), "deployment")
    return path


@pytest.fixture(scope="module")
def folder(pushes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier made by the commands."""
    out = tmp_path_factory.mktemp("reward")
    collect = ["reward", "collect", str(pushes), "--camera", "top", "--size", "32", "--output", str(out)]
    assert cli.main(collect) == 0
    assert cli.main(["reward", "train", str(out), *QUICK]) in (0, 1)  # so short a training may say no success
    return out


def test_collecting_says_what_is_missing(pushes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        cli.main(
            ["reward", "collect", str(pushes), "--camera", "top", "--size", "32", "--output", str(tmp_path / "new")]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert "of 18 episodes" in out and "0 pictures of kind hands: aim at 100" in out
    failures = sum(e.success is False for e in Dataset.open(pushes).episodes())
    assert 6 <= failures < 18 and f"{failures} episodes without one: aim at 20" in out


def test_the_report_holds_curves_pictures_and_the_interval(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    assert "ROC" in page and "data:image/jpeg" in page and "false successes, test" in page
    measured = json.loads((folder / "classifier.json").read_text())["measured"]["test"]
    false = measured["false_successes_per_episode"]
    assert false["low"] <= false["rate"] <= false["high"]


def test_success_has_the_colour_of_the_other_pages_and_a_key_says_so(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    for name, colour in (("success", "good"), ("other pictures", "bad")):
        assert f'<b class="swatch" style="background:var(--{colour})"></b>{name}</span>' in page
        assert re.search(rf'<rect[^>]*fill="var\(--{colour}\)"><title>{name} ', page)
    dots = re.findall(r'<circle[^>]*r="7" fill="([^"]*)"', page.partition('class="narrow"')[0])
    assert dots[0] == dots[-1] == "var(--bad)" and set(dots[1:-1]) <= {"var(--good)"}  # false successes, and true ones
    assert '2.5px dashed var(--c0)"></i>chance' in page and '2.5px solid var(--c1)"></i>test' in page


def test_another_crop_is_refused_in_one_line(folder: Path, pushes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reward", "check", str(folder), str(pushes), "--crop", "0", "0", "20", "20"]) == 2
    said = capsys.readouterr().err
    assert "trained on camera 'top' of 32 x 32 px, the whole" in said and "20 x 20 px" in said


def test_a_rule_that_no_episode_can_meet_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path / "strict")
    assert cli.main(["reward", "train", str(tmp_path / "strict"), *QUICK, "--debounce", "99", "99"]) == 1
    out = capsys.readouterr().out
    assert "and the rule wants 99 of 99" in out and "--debounce 1 1" in out


def test_checking_counts_episodes_that_it_was_not_made_of(
    folder: Path, pushes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reward", "check", str(folder), str(pushes)]) in (0, 1)
    out = capsys.readouterr().out
    test = json.loads((folder / "classifier.json").read_text())["measured"]["parts"]["test"]
    assert 0 < test < 18 and f"{18 - test} of 18 episodes are left out" in out and f"/{test} = " in out
    labelled = tmp_path / "labelled"
    shutil.copytree(pushes, labelled)
    assert (
        cli.main(["reward", "relabel", str(labelled), "--classifier", str(folder), "--episodes", "0-17", "--yes"]) == 0
    )
    assert cli.main(["reward", "check", str(folder), str(labelled)]) == 2, "its own labels say nothing of it"
    assert "has a label to check against" in capsys.readouterr().err


def test_what_is_collected_again_leaves_nothing_of_before(pushes: Path, tmp_path: Path) -> None:
    """A longer `--before`, or an earlier success: what is now left out must not stay as a negative."""
    from robot_rl.learn.rewards import storage

    collect = ["reward", "collect", str(pushes), "--camera", "top", "--size", "32", "--output"]
    assert cli.main([*collect, str(tmp_path / "twice"), "--before", "0.1"]) == 0
    assert cli.main([*collect, str(tmp_path / "twice"), "--before", "0.6"]) == 0
    assert cli.main([*collect, str(tmp_path / "once"), "--before", "0.6"]) == 0
    twice, once = (storage.load_frames(tmp_path / name) for name in ("twice", "once"))
    assert len(twice) == len(once) and (twice.steps == once.steps).all() and (twice.kinds == once.kinds).all()
    assert cli.main([*collect, str(tmp_path / "twice"), "--before", "0.6", "--episodes", "0-2"]) == 0
    assert len(storage.load_frames(tmp_path / "twice")) == len(once), "other episodes stay as they are"


def test_check_leaves_out_what_collecting_left_out_and_says_so(
    pushes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect = ["reward", "collect", str(pushes), "--camera", "top", "--size", "32", "--output", str(tmp_path)]
    assert cli.main([*collect, "--before", "0.5"]) == 0
    assert cli.main(["reward", "train", str(tmp_path), *QUICK]) in (0, 1)
    assert cli.main(["reward", "check", str(tmp_path), str(pushes)]) in (0, 1)
    assert "pictures of the 0.5 s before a success count as neither" in capsys.readouterr().out


def test_mining_adds_what_fooled_it(folder: Path, pushes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = folder / "classifier.json"
    before = document.read_text()
    document.write_text(json.dumps(json.loads(before) | {"threshold": 1e-9}))  # one that believes everything
    try:
        assert cli.main(["reward", "mine", str(folder), str(pushes), "--most", "3"]) == 0
    finally:
        document.write_text(before)
    assert "fooled in 18 of 18 labelled episodes: 0-17" in capsys.readouterr().out


def test_a_key_pressed_late_labels_the_step_that_was_seen_and_undo_takes_it_back(pushes: Path) -> None:
    length = len(Dataset.open(pushes).episode(0))
    key = ["--key", "success", "--pressed", "1.05", "--latency", "0.3", "--yes"]
    assert cli.main(["reward", "relabel", str(pushes), "--episodes", "0", *key]) == 0
    after = Dataset.open(pushes).episode(0)
    assert len(after) == 8 and after.steps["success"].tolist() == [False] * 7 + [True]  # 0.75 s at 10 Hz: step 7
    assert cli.main(["reward", "relabel", str(pushes), "--undo", "--yes"]) == 0
    assert len(Dataset.open(pushes).episode(0)) == length


def test_a_log_of_keys_marks_what_stands_and_a_held_key_labels_pictures(
    pushes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "keys.jsonl"
    rows = [(5, "failure", 0.9), (5, "success", 1.2), (5, "undo", 1.4), (6, "success", 0.8), (6, "undo", 0.9)]
    log.write_text("\n".join(json.dumps({"episode": e, "key": k, "at": at}) for e, k, at in rows))
    assert cli.main(["reward", "relabel", str(pushes), "--keys", str(log), "--latency", "0.25", "--yes"]) == 0
    episode = Dataset.open(pushes).episode(5)  # only the failure at 0.9 s stands: 0.65 s is in step 6
    assert len(episode) == 7 and episode.success is False and bool(episode.steps["terminated"][6])
    assert "reward_label" not in Dataset.open(pushes).episode(6).attributes
    assert cli.main(["reward", "relabel", str(pushes), "--undo", "--yes"]) == 0

    log.write_text('{"episode": 4, "held": [1.0, 1.6]}')  # less 0.25 s: pictures of 0.8 to 1.3 s
    held = ["--keys", str(log), "--latency", "0.25", "--episodes", "4", "--before", "0", "--near", "0"]
    capsys.readouterr()
    collect = ["reward", "collect", str(pushes), "--camera", "top", "--output", str(tmp_path / "held"), *held]
    assert cli.main(collect) == 0
    assert "(6 success," in capsys.readouterr().out

    log.write_text('{"episode": 4, "key": "sucess", "at": 1}')
    assert cli.main(["reward", "relabel", str(pushes), "--keys", str(log), "--yes"]) == 2
    assert "line 1" in capsys.readouterr().err


def test_a_classifier_labels_what_no_person_has(folder: Path, pushes: Path) -> None:
    assert cli.main(["reward", "relabel", str(pushes), "--episodes", "3", "--timeout", "--yes"]) == 0
    assert cli.main(["reward", "relabel", str(pushes), "--classifier", str(folder), "--yes"]) == 0
    data = Dataset.open(pushes)
    by = [data.episode(n).attributes["reward_label"]["by"] for n in data.numbers]
    assert by[3] == "human" and all(b.startswith("classifier ") for n, b in enumerate(by) if n != 3)


def test_two_labels_at_once_are_refused(pushes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--episodes", "0", "--timeout", "--success-step", "3", "--yes"]
    assert cli.main(["reward", "relabel", str(pushes), *options]) == 2
    assert "2 were given" in capsys.readouterr().err
