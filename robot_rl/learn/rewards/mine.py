"""What fooled a classifier: episodes that it calls a success and a person, or the task, does not.

It is held to what it was trained on: pictures that collecting leaves out, since nobody can say what they show, are
neither mistakes nor negatives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.learn.rewards.collect import CollectConfig, Seen, kinds, pictures, seen
from robot_rl.learn.rewards.relabel import Label
from robot_rl.learn.rewards.words import word_of
from robot_rl.rewards.classifier import judge_pictures
from robot_rl.rewards.frames import MINED, LabelledFrames
from robot_rl.rewards.judge import Trained
from robot_rl.rewards.threshold import Track, Verdict, said_at, verdict


@dataclass(frozen=True)
class Judgement:
    """What a classifier makes of one recorded episode."""

    number: int
    seen: Seen
    """Those pictures of which it is known what they show."""
    probabilities: NDArray[np.float64]  # (M,) of each of them
    truth: NDArray[np.bool_]  # (M,) success, as recorded or relabelled
    verdict: Verdict


def judge_episode(trained: Trained, episode: Episode) -> Judgement:
    """Judge an episode by what is known of it. Its labels must be a person's or the task's.

    As in training, the pictures just before a success are passed over; so are all of an episode that succeeded in no
    step that it shows.
    """
    looked, probabilities = _looked(trained, episode)
    known = kinds(episode, CollectConfig(before=trained.before))[looked.steps] >= 0
    looked, probabilities = Seen(looked.steps[known], looked.indices[known]), probabilities[known]
    truth = episode.steps["success"][looked.steps].astype(bool)
    said = verdict(Track(probabilities, truth), trained.threshold, trained.rule)
    return Judgement(episode.number, looked, probabilities, truth, said)


def labels_by(trained: Trained, dataset: Dataset, numbers: Iterable[int]) -> dict[int, Label]:
    """What a classifier says of episodes, as at run time: success at the step where it first says so, else cut off at
    the end."""
    out = {}
    for number in numbers:
        episode = dataset.episode(number)
        looked, probabilities = _looked(trained, episode)
        said = said_at(probabilities, trained.threshold, trained.rule)
        out[number] = Label("timeout", len(episode) - 1) if said is None else Label("success", int(looked.steps[said]))
    return out


def _looked(trained: Trained, episode: Episode) -> tuple[Seen, NDArray[np.float64]]:
    """All pictures of an episode that a judge looks at, and their probabilities (M,)."""
    looked = seen(episode, trained.view.camera, trained.rate)
    judged = judge_pictures(trained.classifier, pictures(episode, trained.view, looked.indices))
    return looked, judged.probabilities


def judge_dataset(trained: Trained, dataset: Dataset, numbers: Iterable[int] | None = None) -> list[Judgement]:
    """Judge episodes whose outcome somebody knows; those that nobody judged, or of which a classifier said how they
    ended, while they ran or later, say nothing and are left out, as are those without a picture of which it is known
    what it shows."""
    chosen = dataset.numbers if numbers is None else tuple(numbers)
    episodes = (dataset.episode(n) for n in chosen)
    known = (e for e in episodes if e.success is not None and word_of(e) in ("person", "task"))
    judged = (judge_episode(trained, e) for e in known)
    return [j for j in judged if len(j.truth)]


def unseen(trained: Trained, dataset: Dataset, numbers: Iterable[int]) -> tuple[int, ...]:
    """Numbers of the episodes that it was neither trained on nor its threshold chosen."""
    return tuple(n for n in numbers if str(dataset.episode(n).attributes["id"]) not in trained.learnt_from)


def mined_frames(
    trained: Trained, dataset: Dataset, judgements: Iterable[Judgement], most: int = 40
) -> LabelledFrames | None:
    """The pictures that fooled a classifier, as negatives; None where none did.

    Args:
        most: pictures of an episode; the most convincing are kept.
    """
    parts, episodes, steps = [], [], []
    ids: list[str] = []
    for j in judgements:
        wrong = np.flatnonzero(~j.truth & (j.probabilities >= trained.threshold))
        if not j.verdict.false or not len(wrong):
            continue
        hardest = np.sort(wrong[np.argsort(-j.probabilities[wrong], kind="stable")[:most]])
        episode = dataset.episode(j.number)
        parts.append(pictures(episode, trained.view, j.seen.indices[hardest]))
        steps.append(j.seen.steps[hardest])
        episodes.append(np.full(len(hardest), len(ids), dtype=np.int64))
        ids.append(str(episode.attributes["id"]))
    if not ids:
        return None
    return LabelledFrames(
        trained.view,
        np.concatenate(parts),
        np.full(sum(map(len, steps)), MINED, dtype=np.uint8),
        np.concatenate(episodes),
        np.concatenate(steps),
        tuple(ids),
        {"mined": dataset.path.name, "identity": dataset.identity, "episodes": len(ids)},
        trained.before,
        trained.rate,
    )


def fooled(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Those episodes in which success was said and was not there."""
    return [j for j in judgements if j.verdict.false]
