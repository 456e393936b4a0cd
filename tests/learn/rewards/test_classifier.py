"""Collect, train, save, load, judge, mine: on recorded pushes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.learn.rewards import drifting, storage
from robot_rl.learn.rewards.collect import CollectConfig, camera_view, collect
from robot_rl.learn.rewards.mine import judge_dataset, labels_by, mined_frames
from robot_rl.learn.rewards.relabel import Label, RewardRelabel
from robot_rl.learn.rewards.train import Result, RewardTrainConfig, parts_of, save, train
from robot_rl.rewards.classifier import ClassifierConfig, Judged, RewardClassifier, judge_pictures
from robot_rl.rewards.debounce import Rule
from robot_rl.rewards.drift import DriftAlarm
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import KINDS, LabelledFrames
from robot_rl.rewards.judge import ClassifierJudge, Trained
from robot_rl.rewards.pace import measured_rate, thinned
from robot_rl.rewards.training import FitConfig
from robot_rl.rewards.view import View
from robot_rl.sim.planar import cover

CONFIG = RewardTrainConfig(
    network=ClassifierConfig(channels=(8, 16, 16), features=32, hidden=32), fit=FitConfig(steps=220, batch=48, shift=2)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelledFrames, Result, Path]:
    """Pictures of 36 pushes, the classifier of them, and the folder of both."""
    rng = np.random.default_rng(1)
    rollout = cover.roll_out(range(36), cover.demonstrations(36, rng), rng)
    n, steps = rollout.success.shape
    frames = LabelledFrames(
        View("top", 32, 32, None, 32),
        rollout.pictures.reshape(-1, 32, 32, 3),
        np.where(rollout.success, 0, 1).reshape(-1).astype(np.uint8),
        np.repeat(np.arange(n), steps),
        np.tile(np.arange(steps), n),
        tuple(f"episode-{i}" for i in range(n)),
        {},
    )
    result = train(frames, CONFIG)
    folder = tmp_path_factory.mktemp("reward")
    storage.save_frames(folder, frames)
    save(folder, result, CONFIG)
    return frames, result, folder


def test_pictures_are_labelled_with_what_was_judged_when_the_step_had_ended(pushes: Callable[..., Path]) -> None:
    data = Dataset.open(pushes(3))
    view = camera_view(data, "top", None, 32)
    frames = collect(data, view, CollectConfig(before=0.0, near=0.5))
    first = data.episode(0)
    at = int(first.steps["success"].argmax())
    mine = (frames.episodes == 0) & (frames.steps == at)
    assert frames.kinds[mine].tolist() == [KINDS.index("success")]
    assert np.array_equal(frames.pictures[mine][0], first.stream("top").values[at + 1])  # the first is of the reset
    near = frames.steps[(frames.episodes == 0) & (frames.kinds == KINDS.index("near_miss"))]
    assert near.tolist() == list(range(at - 5, at))
    failed = frames.kinds[frames.episodes == 2]
    assert (failed[-5:] == KINDS.index("near_miss")).all() and (failed[:-5] == KINDS.index("other")).all()


def test_an_episode_whose_success_no_picture_shows_is_left_out_and_its_end_is_no_negative(
    pushes: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = Dataset.open(pushes(3, final=False))
    frames = collect(data, camera_view(data, "top", None, 32), CollectConfig(before=0.0))
    assert [e.success for e in data] == [True, True, False]
    assert frames.ids == (data.episode(2).attributes["id"],) and not frames.labels.any()
    assert "in 2 of 3 episodes no picture shows the success that they end in, e.g. in 0" in caplog.text


def test_an_episode_of_which_nobody_said_how_it_ended_is_no_negative(
    pushes: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = pushes(3)
    apply(Dataset.open(path, "a"), Relabel((2,), success="none"))
    data = Dataset.open(path)
    frames = collect(data, camera_view(data, "top", None, 32), CollectConfig(before=0.0))
    assert data.episode(2).success is None and data.episode(2).attributes["id"] not in frames.ids
    assert len(frames.ids) == 2 and "of 1 of 3 episodes nobody has said how they ended, e.g. of 2" in caplog.text


def test_an_episode_that_was_cut_off_with_nobody_to_judge_it_is_no_negative(
    pushes: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    data = Dataset.open(pushes(3, judged=False, marked=False))
    frames = collect(data, camera_view(data, "top", None, 32), CollectConfig(before=0.0))
    assert [e.success for e in data] == [True, True, False]
    assert set(frames.ids) == {data.episode(n).attributes["id"] for n in (0, 1)}
    assert "of 1 of 3 episodes nobody has said how they ended, e.g. of 2" in caplog.text


def test_what_a_classifier_said_of_episodes_is_learnt_from_with_a_warning(
    pushes: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = pushes(3)
    with Dataset.open(path, "a") as data:
        apply(data, RewardRelabel({2: Label("success", 5)}, "classifier abc"))
        collect(data, camera_view(data, "top", None, 32), CollectConfig(before=0.0))
        assert "how 1 of 3 episodes ended was said by a classifier, e.g. of 2" in caplog.text
        apply(data, Relabel((2,), success="true"))
        caplog.clear()
        collect(data, camera_view(data, "top", None, 32), CollectConfig(before=0.0))
        assert "said by a classifier" not in caplog.text


def test_an_episode_of_which_a_step_is_a_success_is_not_just_called_a_failure(pushes: Callable[..., Path]) -> None:
    """Learners read reward and success of its steps."""
    data = Dataset.open(pushes(3), "a")
    with pytest.raises(DatasetError, match=r"episode 0: a step of it is a success.*robot-rl reward relabel"):
        apply(data, Relabel((0, 2), success="false"))
    apply(data, Relabel((2,), success="false"))
    assert data.episode(0).success is True


def test_a_picture_seen_in_two_steps_is_taken_once(tmp_path: Path, pushes: Callable[..., Path]) -> None:
    from robot_rl.learn.rewards.collect import seen

    data = Dataset.open(pushes(1))
    looked = seen(data.episode(0), "top")
    assert len(np.unique(looked.indices)) == len(looked.indices) == len(data.episode(0))


def test_an_episode_is_in_one_part_only_and_each_part_has_both_classes(
    made: tuple[LabelledFrames, Result, Path],
) -> None:
    frames, result, _ = made
    assert [result.parts.count(p) for p in ("train", "choose", "test")] == [22, 7, 7]
    tested = {frames.ids[e] for e in frames.episodes[result.test.rows]}
    assert tested == {i for i, p in zip(frames.ids, result.parts) if p == "test"}


def test_the_pieces_of_a_long_episode_are_in_one_part(made: tuple[LabelledFrames, Result, Path]) -> None:
    ids = tuple(f"episode-{i // 2}" + "+" * (i % 2) for i in range(36))
    parts = parts_of(replace(made[0], ids=ids), CONFIG)
    assert parts[::2] == parts[1::2] and {"train", "choose", "test"} == set(parts)


def test_it_tells_success_on_episodes_it_never_saw(made: tuple[LabelledFrames, Result, Path]) -> None:
    test = made[1].test
    assert test.curve.area > 0.97
    assert test.point.detections is not None and test.point.detections.rate >= 0.75
    assert made[1].after <= made[1].before + 1e-9


def test_a_saved_classifier_says_the_same(made: tuple[LabelledFrames, Result, Path]) -> None:
    frames, result, folder = made
    again = storage.load_classifier(folder, frames.view)
    assert (again.threshold, again.rule, again.view) == (result.trained.threshold, result.trained.rule, frames.view)
    mine = judge_pictures(result.trained.classifier, frames.pictures[:40]).probabilities
    assert judge_pictures(again.classifier, frames.pictures[:40]).probabilities == pytest.approx(mine, abs=1e-12)
    assert np.array_equal(storage.load_frames(folder).pictures, frames.pictures)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (View("wrist", 32, 32, None, 32), "camera 'wrist'"),
        (View("top", 32, 32, (4, 4, 20, 20), 32), "left 4, top 4, 20 x 20"),
        (View("top", 64, 48, None, 32), "64 x 48 px"),
    ],
)
def test_another_camera_crop_or_size_is_refused_and_both_are_named(
    made: tuple[LabelledFrames, Result, Path], other: View, named: str
) -> None:
    with pytest.raises(RewardError, match=named) as caught:
        storage.load_classifier(made[2], other)
    assert "camera 'top' of 32 x 32 px, the whole" in str(caught.value)


def test_damaged_weights_are_refused(made: tuple[LabelledFrames, Result, Path], tmp_path: Path) -> None:
    for file in made[2].iterdir():
        content = bytearray(file.read_bytes())
        if file.suffix == ".safetensors" and file.name.startswith("classifier"):
            content[-1] ^= 1
        (tmp_path / file.name).write_bytes(content)
    with pytest.raises(RewardError, match="damaged"):
        storage.load_classifier(tmp_path)


def test_a_part_without_a_success_is_refused() -> None:
    frames = LabelledFrames(
        View("top", 8, 8, None, 8),
        np.zeros((6, 8, 8, 3), np.uint8),
        np.array([0, 0, 1, 1, 1, 1], np.uint8),
        np.arange(6),
        np.zeros(6, np.int64),
        tuple("abcdef"),
        {},
    )
    with pytest.raises(RewardError, match="both are needed"):
        train(frames, CONFIG)


class Scene:
    """A camera's newest picture and the number of the episode, as a control loop has them."""

    def __init__(self, trained: Trained, picture: np.ndarray) -> None:
        self.picture, self.episode, self.let_go, self.stamp = picture, 0, True, 0
        self.judge = ClassifierJudge(
            trained, lambda: {"top": (self.stamp, self.picture)}, lambda: self.episode, hand=lambda: self.let_go
        )

    def show(self, times: int, every: int = 10**9) -> list[bool]:
        """Judge a new picture of the same scene so many times, one each `every` [ns]."""
        out = []
        for _ in range(times):
            self.picture, self.stamp = self.picture.copy(), self.stamp + every
            out.append(self.judge().success)
        return out


@pytest.fixture
def scene(made: tuple[LabelledFrames, Result, Path]) -> Scene:
    """A scene that the classifier is sure to be a success."""
    frames, result, _ = made
    said = judge_pictures(result.trained.classifier, frames.pictures).probabilities
    return Scene(result.trained, frames.pictures[int(said.argmax())])


def test_success_takes_three_pictures_and_a_new_episode_begins_with_none(scene: Scene) -> None:
    assert scene.show(4) == [False, False, True, True]
    scene.episode = 1
    assert scene.show(3) == [False, False, True]


def test_one_picture_judged_thrice_is_one_picture(scene: Scene) -> None:
    assert [scene.judge().success for _ in range(6)] == [False] * 6


def test_no_more_pictures_count_than_where_the_threshold_was_chosen(scene: Scene) -> None:
    scene = Scene(replace(scene.judge._trained, rate=10.0), scene.picture)
    assert scene.show(10, every=25_000_000) == [False] * 7 + [True] * 3, "at 0, 75 and 175 ms"
    scene.judge.reset()
    assert scene.show(3, every=80_000_000) == [False, False, False], "at 0 and 80 ms; 160 is early"


@pytest.mark.parametrize(("given", "rate", "taken"), [(40, 10, 10), (30, 20, 20), (20, 20, 20), (5, 20, 5)])
def test_a_pace_lets_through_as_many_as_it_says_or_all(given: int, rate: int, taken: int) -> None:
    jitter = np.random.default_rng(0).uniform(-0.1, 0.1, 10 * given)
    stamps = np.round((np.arange(10 * given) + jitter) * 1e9 / given).astype(np.int64)
    assert len(thinned(stamps, rate)) == pytest.approx(10 * taken, rel=0.02)


def test_pictures_are_thinned_to_a_rate_and_a_rate_is_measured() -> None:
    stamps = np.arange(0, 10**9, 50_000_000)
    assert thinned(stamps, 10.0).tolist() == list(range(0, 20, 2))
    assert thinned(stamps, 0.0).tolist() == list(range(20)) == thinned(stamps, 20.0).tolist()
    assert measured_rate([stamps, stamps[::10]]) == pytest.approx(20.0)
    assert measured_rate([stamps[:1]]) == measured_rate([]) == 0.0


def test_a_recorded_episode_is_judged_at_the_rate_of_the_threshold(
    made: tuple[LabelledFrames, Result, Path], pushes: Callable[..., Path]
) -> None:
    data = Dataset.open(pushes(3))  # at 10 Hz
    assert collect(data, camera_view(data, "top", None, 32), CollectConfig()).rate == pytest.approx(10.0)
    whole = judge_dataset(made[1].trained, data)
    thin = judge_dataset(replace(made[1].trained, rate=5.0), data)
    for a, b in zip(whole, thin, strict=True):
        assert set(b.seen.steps.tolist()) <= set(a.seen.steps.tolist())
        assert np.diff(b.seen.steps).min() == 2 and len(b.truth) < len(a.truth)


def test_drift_is_looked_for_at_the_rate_that_its_limits_were_set_at(
    made: tuple[LabelledFrames, Result, Path], pushes: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def judge(classifier: RewardClassifier, shown: np.ndarray) -> Judged:
        looked.append(len(shown))
        return judge_pictures(classifier, shown)

    monkeypatch.setattr(drifting, "judge_pictures", judge)
    data = Dataset.open(pushes(3))  # at 10 Hz
    drifting.drift_of(made[1].trained, data)
    drifting.drift_of(replace(made[1].trained, rate=5.0), data)
    assert looked == [len(e) for e in data] + [(len(e) + 1) // 2 for e in data]


def test_success_waits_for_the_hand(scene: Scene) -> None:
    scene.let_go = False
    assert not any(scene.show(5))
    scene.let_go = True
    outcome = scene.judge()
    assert outcome.success and outcome.reward == 1.0 and not outcome.terminated


def test_a_camera_that_is_not_there_is_named(made: tuple[LabelledFrames, Result, Path]) -> None:
    judge = ClassifierJudge(made[1].trained, lambda: {"front": (0, np.zeros((32, 32, 3), np.uint8))}, lambda: 0)
    with pytest.raises(RewardError, match="looks at camera 'top', which is not there: there is front"):
        judge()


def test_the_alarm_is_silent_on_new_episodes_and_names_the_camera_when_the_light_changes(
    made: tuple[LabelledFrames, Result, Path],
) -> None:
    rng, trained = np.random.default_rng(5), made[1].trained
    rollout = cover.roll_out(range(500, 506), cover.demonstrations(6, rng), rng)
    pictures = rollout.pictures.reshape(-1, 32, 32, 3)

    def warnings(shown: np.ndarray) -> list[str]:
        alarm, judged = DriftAlarm(trained.reference, "top"), judge_pictures(trained.classifier, shown)
        said = [alarm.add(*row) for row in zip(judged.features, judged.appearance, judged.probabilities)]
        return [s for s in said if s is not None]

    assert warnings(pictures) == []
    darker = (pictures * 0.45).astype(np.uint8)
    assert warnings(darker) and "camera 'top'" in warnings(darker)[0]


def test_what_fooled_it_is_mined_as_negatives_and_labels_follow_it(
    made: tuple[LabelledFrames, Result, Path], pushes: Callable[..., Path]
) -> None:
    trained = made[1].trained
    gullible = replace(trained, threshold=1e-6)
    with Dataset.open(pushes(3), "a") as data:
        judged = judge_dataset(gullible, data)
        assert [j.verdict.false for j in judged] == [True] * 3
        mined = mined_frames(gullible, data, judged, most=4)
        assert mined is not None and not mined.labels.any() and len(mined) <= 12
        assert set(mined.kinds.tolist()) == {KINDS.index("mined")}
        even = replace(trained, threshold=0.5)
        said, missed = labels_by(even, data, [0])[0], labels_by(replace(even, threshold=1.0), data, [0])[0]
        assert said.result == "success" and data.episode(0).steps["success"][said.step]
        assert (missed.result, missed.step) == ("timeout", len(data.episode(0)) - 1)


def test_the_pictures_that_collecting_leaves_out_are_neither_false_nor_mined(
    made: tuple[LabelledFrames, Result, Path], pushes: Callable[..., Path]
) -> None:
    trained = replace(made[1].trained, threshold=0.5, rule=Rule(1, 1))
    data = Dataset.open(pushes(9, marked_late=2))  # success can be seen for 0.2 s, at 10 Hz, before it is marked
    won = [e.number for e in data.episodes() if e.success]
    assert len(won) >= 4
    strict = judge_dataset(replace(trained, before=0.0), data, won)
    assert all(j.verdict.false for j in strict) and mined_frames(trained, data, strict) is not None
    fair = judge_dataset(replace(trained, before=0.3), data, won)
    assert not any(j.verdict.false for j in fair) and all(j.verdict.delay == 0 for j in fair)
    assert mined_frames(trained, data, fair) is None
    assert [len(j.truth) for j in fair] == [len(j.truth) - 3 for j in strict]
    at_run_time = labels_by(trained, data, won)  # whatever is known of its pictures
    assert all(not data.episode(n).steps["success"][label.step] for n, label in at_run_time.items())


def test_an_episode_that_succeeded_in_no_step_it_shows_judges_nobody(
    made: tuple[LabelledFrames, Result, Path], pushes: Callable[..., Path]
) -> None:
    data = Dataset.open(pushes(6, marked_late=100, succeeded=True))
    assert judge_dataset(replace(made[1].trained, threshold=1e-6), data) == []


def test_what_was_left_out_is_kept_with_the_pictures_and_with_the_classifier(
    made: tuple[LabelledFrames, Result, Path], tmp_path: Path
) -> None:
    frames = replace(made[0], before=0.7)
    storage.save_frames(tmp_path, frames)
    assert storage.load_frames(tmp_path).before == 0.7
    other = replace(frames, before=0.2, ids=tuple(f"other-{i}" for i in frames.ids))
    assert other.joined(frames).before == other.replaced(frames).before == 0.7
    save(tmp_path, replace(made[1], trained=replace(made[1].trained, before=0.7)), CONFIG)
    assert storage.load_classifier(tmp_path).before == 0.7


def mined_from(frames: LabelledFrames, some: np.ndarray, ids: tuple[str, ...]) -> LabelledFrames:
    """Some of these pictures, as if they had been mined."""
    kinds = np.full(int(some.sum()), KINDS.index("mined"), np.uint8)
    return LabelledFrames(frames.view, frames.pictures[some], kinds, frames.episodes[some], frames.steps[some], ids, {})


def test_labels_given_later_win(made: tuple[LabelledFrames, Result, Path]) -> None:
    frames = made[0]
    last = frames.episodes == 0
    newer = mined_from(frames, last, frames.ids)
    both = frames.with_mined(newer)  # but of what is known to show success
    shown = (frames.episodes == 0) & frames.labels
    assert shown.any() and len(both) == len(frames)
    assert both.labels[shown].all() and (both.kinds[last & ~shown] == KINDS.index("mined")).all()
    both = frames.replaced(newer)
    assert len(both) == len(frames)
    assert (both.kinds[both.episodes == 0] == KINDS.index("mined")).all()
    assert np.array_equal(both.kinds[both.episodes != 0], frames.kinds[frames.episodes != 0])


def test_what_was_mined_is_learned_from_and_not_measured_on(made: tuple[LabelledFrames, Result, Path]) -> None:
    frames, result, _ = made
    tested = frames.episodes == result.parts.index("test")
    names = {n: f"mined-{n}" for n in frames.ids}
    mined = mined_from(frames, tested, tuple(names.values()))
    both = frames.joined(mined)
    parts = dict(zip(both.ids, parts_of(both, CONFIG)))
    assert [parts[i] for i in frames.ids] == list(result.parts)
    assert {parts[n] for n in names.values()} == {"train"}


class Colours(nn.Module):
    """Frozen features for a test: the colour in each of 4 x 4 fields, scaled."""

    size = 48

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        fields = nn.functional.adaptive_avg_pool2d(pictures.permute(0, 3, 1, 2).float(), 4)
        return self.scale * fields.flatten(1)


def test_frozen_features_stay_frozen_and_must_be_the_same_when_loaded(
    made: tuple[LabelledFrames, Result, Path], tmp_path: Path
) -> None:
    config = replace(CONFIG, network=replace(CONFIG.network, encoder="colours"))
    result = train(made[0], config, {"colours": lambda size: Colours(0.01)})
    assert float(result.trained.classifier.encoder.scale) == pytest.approx(0.01)
    assert result.test.curve.area > 0.7
    save(tmp_path, result, config)
    again = storage.load_classifier(tmp_path, encoders={"colours": lambda size: Colours(0.01)})
    few = made[0].pictures[:8]
    mine = judge_pictures(result.trained.classifier, few).probabilities
    assert judge_pictures(again.classifier, few).probabilities == pytest.approx(mine, abs=1e-9)
    with pytest.raises(RewardError, match="frozen encoder 'colours' has other weights"):
        storage.load_classifier(tmp_path, encoders={"colours": lambda size: Colours(0.02)})
    with pytest.raises(RewardError, match="encoder 'colours'"):
        storage.load_classifier(tmp_path)
