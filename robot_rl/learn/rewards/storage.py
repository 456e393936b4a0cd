"""Pictures and classifiers on disk, in one folder: safetensors and JSON, never pickle.

<folder>/frames.json, frames-<hash>.safetensors           what was collected
<folder>/classifier.json, classifier-<hash>.safetensors   what was trained, and on what
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from robot_rl.learn.rewards.encoders import FrozenFeatures, digest
from robot_rl.page.proportion import Proportion
from robot_rl.policies import storage
from robot_rl.rewards.classifier import CNN, ClassifierConfig, EncoderMaker, RewardClassifier
from robot_rl.rewards.debounce import Rule
from robot_rl.rewards.drift import Reference
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import BEFORE, LabelledFrames
from robot_rl.rewards.judge import Trained
from robot_rl.rewards.view import View

FRAMES, CLASSIFIER = "frames", "classifier"


def has_frames(folder: Path) -> bool:
    """Whether pictures were collected there."""
    return (folder / f"{FRAMES}.json").is_file()


def save_frames(folder: Path, frames: LabelledFrames) -> None:
    """Write what was collected, in place of what is there."""
    arrays = {n: torch.from_numpy(getattr(frames, n)) for n in ("pictures", "kinds", "episodes", "steps")}
    document = {
        "view": frames.view.to_dict(),
        "ids": list(frames.ids),
        "source": frames.source,
        "before": frames.before,
        "rate": frames.rate,
    }
    storage.write(folder, FRAMES, arrays, document)


def load_frames(folder: Path) -> LabelledFrames:
    """Read what was collected. Raises RewardError."""
    if not has_frames(folder):
        raise RewardError(f"{folder} holds no collected pictures: `robot-rl reward collect` makes them")
    try:
        document = storage.read_document(folder, FRAMES)
        arrays = {n: t.numpy() for n, t in storage.read_tensors(folder, document).items()}
        return LabelledFrames(
            View.from_dict(document["view"]),
            **arrays,
            ids=tuple(document["ids"]),
            source=document["source"],
            before=float(document.get("before", BEFORE)),
            rate=float(document.get("rate", 0.0)),
        )
    except (storage.StorageError, KeyError, TypeError) as error:
        raise RewardError(f"{folder}: the collected pictures cannot be read: {error}") from error


def identity(frames: LabelledFrames) -> dict[str, Any]:
    """What a classifier was trained on: where it came from, how much, and a digest of pictures and labels."""
    digest = hashlib.sha256(frames.pictures.tobytes() + frames.kinds.tobytes() + "\n".join(frames.ids).encode())
    return {
        "source": frames.source,
        "pictures": len(frames),
        "successes": int(frames.labels.sum()),
        "episodes": len(frames.ids),
        "digest": digest.hexdigest(),
    }


def save_classifier(folder: Path, trained: Trained, training: Mapping[str, Any], measured: Mapping[str, Any]) -> None:
    """Write a classifier.

    Args:
        training: identity of the pictures, and the configuration.
        measured: figures of the held-out episodes, for whoever reads the file.
    """
    tensors = {n: t for n, t in trained.classifier.state_dict().items() if _own(trained.classifier, n)}
    document = {
        "format": 1,
        "view": trained.view.to_dict(),
        "network": trained.classifier.config.to_dict(),
        "threshold": trained.threshold,
        "debounce": [trained.rule.k, trained.rule.n],
        "before": trained.before,
        "rate": trained.rate,
        "learnt_from": sorted(trained.learnt_from),
        "drift": trained.reference.to_dict(),
        "encoder": digest(trained.classifier.encoder) if trained.classifier.frozen else None,
        "training": dict(training),
        "measured": dict(measured),
    }
    storage.write(folder, CLASSIFIER, tensors, document)


def load_classifier(
    folder: Path,
    view: View | None = None,
    encoders: Mapping[str, EncoderMaker] | None = None,
    device: str | torch.device = "cpu",
) -> Trained:
    """Read a classifier.

    Args:
        view: what it is going to look at; None where nothing is looked at yet.
        encoders: by name, frozen encoders beside the policies' backbones.

    Raises:
        RewardError: damaged, of another camera or crop than `view` (both are named), or of an unknown encoder.
    """
    if not (folder / f"{CLASSIFIER}.json").is_file():
        raise RewardError(f"{folder} holds no reward classifier: `robot-rl reward train` makes one")
    try:
        document = storage.read_document(folder, CLASSIFIER)
        trained_on = View.from_dict(document["view"])
        network = ClassifierConfig(**(document["network"] | {"channels": tuple(document["network"]["channels"])}))
        tensors = storage.read_tensors(folder, document)
        reference, rule = Reference.from_dict(document["drift"]), Rule(*document["debounce"])
        threshold, before = float(document["threshold"]), float(document.get("before", BEFORE))
        rate, learnt_from = float(document.get("rate", 0.0)), frozenset(map(str, document.get("learnt_from", ())))
    except (storage.StorageError, KeyError, TypeError) as error:
        raise RewardError(f"{folder}: this is no reward classifier that can be read: {error}") from error
    if view is not None:
        trained_on.require(view)
    classifier = RewardClassifier(network, trained_on.size, make_encoder(network.encoder, trained_on.size, encoders))
    if classifier.frozen and digest(classifier.encoder) != document.get("encoder"):
        raise RewardError(
            f"{folder}: the frozen encoder '{network.encoder}' has other weights here than where the classifier was "
            "trained: install the same version of what brings them, or train anew"
        )
    own = {n for n in classifier.state_dict() if _own(classifier, n)}
    if own != set(tensors):
        raise RewardError(f"{folder}: weights {sorted(own ^ set(tensors))} are missing or too many for this network")
    classifier.load_state_dict(tensors, strict=False)
    made = classifier.to(device).eval()
    return Trained(made, trained_on, threshold, rule, reference, before, rate, learnt_from)


def make_encoder(name: str, size: int, encoders: Mapping[str, EncoderMaker] | None) -> Any:
    """A frozen encoder by its name; None for the CNN that a classifier makes itself. Raises RewardError."""
    if name == CNN:
        return None
    return encoders[name](size) if encoders and name in encoders else FrozenFeatures(name, size)


def figures(point: Proportion | None) -> dict[str, float] | None:
    """A proportion as JSON."""
    if point is None:
        return None
    return {"of": point.trials, "count": point.successes, "rate": point.rate, "low": point.low, "high": point.high}


def _own(classifier: RewardClassifier, name: str) -> bool:
    """Frozen weights are the encoder's own and are not kept twice."""
    return not (classifier.frozen and name.startswith("encoder."))
