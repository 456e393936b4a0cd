"""A trained policy on disk: `policy.json` and its weights as safetensors in one directory. Nothing is pickled.

policy.json holds the robot's spec, the inputs, the configuration, the statistics, the identity of the data,
how it was trained, versions, and the name and hash of the weights. The weights are the averaged (EMA) ones.
"""

from __future__ import annotations

import logging
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from robot_rl import __version__, workspace
from robot_rl.hardware.config import CameraConfig
from robot_rl.policies import storage
from robot_rl.policies.absent import why_absent
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.fits import Fitted, check_fits
from robot_rl.policies.normalization import Statistics
from robot_rl.policies.verifier_counts import CountConfig, CountVerifier
from robot_rl.spec import Layout, Spec

FORMAT = "robot_rl.policy"
VERSION = 3
READABLE = (1, 2, 3)
"""Version 1 may come from before policies saw poses from each other (`EncoderConfig.relative_poses`), version 2 from
before generative heads predicted the chunk (`prediction` of `FlowConfig` and others)."""
PREDICTED_BEFORE = {"edm": "residual"} | dict.fromkeys(("flow", "meanflow", "joint", "slow_fast"), "velocity")
"""What the heads learned before version 3, which had no option for it."""
NAME = "policy"
VERIFIER = "verifier"
log = logging.getLogger(__name__)
AGENT = "agent"
"""What an online session's result is called; `robot_rl.serving.loading` knows who reads it."""


class CheckpointError(ValueError):
    """A checkpoint cannot be read or used; the message names the file and the reason."""


@dataclass(frozen=True)
class Origin:
    """What any checkpoint says of where it comes from."""

    spec: Spec
    dataset: Mapping[str, Any]
    """Identity of the data it was trained on."""
    training: Mapping[str, Any]
    """How: configuration, steps, losses, wall time."""


@dataclass(frozen=True)
class Card(Origin):
    """What policy.json says."""

    inputs: Layout
    config: PolicyConfig
    statistics: Mapping[str, Statistics]
    provenance: Mapping[str, Any]
    """git revision, versions, time of writing."""


def save(
    path: str | Path,
    policy: ChunkPolicy,
    statistics: Mapping[str, Statistics],
    *,
    dataset: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Write the policy's present weights to directory `path`; an older checkpoint there is replaced whole."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "spec": policy.spec.to_dict(),
        "inputs": policy.inputs.to_dict(),
        "config": policy.config.to_dict(),
        "statistics": {name: s.to_dict() for name, s in statistics.items()},
        "dataset": dict(dataset or {}),
        "training": dict(training or {}),
        "provenance": provenance(),
    }
    storage.write(Path(path), NAME, policy.state_dict(), document)
    return Path(path)


def read_card(path: str | Path) -> Card:
    """What the checkpoint at `path` says of itself, without its weights. Raises CheckpointError."""
    return _read(_policy_folder(path))


def read_origin(path: str | Path) -> Origin:
    """Where the policy or agent at `path` comes from. Raises CheckpointError."""
    directory = resolve(path)
    if not is_agent(directory):
        return _read(directory)
    try:
        data = storage.read_document(directory, AGENT)
        return Origin(Spec.from_dict(data["spec"]), data["dataset"], data["training"])
    except (storage.StorageError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{directory / AGENT}.json: damaged: {error!r}") from error


def weights_digest(path: str | Path) -> str:
    """The sha256 of the weights of the policy or agent at `path`, as its document has it. Raises CheckpointError."""
    directory = resolve(path)
    try:
        return str(storage.read_document(directory, AGENT if is_agent(directory) else NAME)["tensors"]["sha256"])
    except (storage.StorageError, KeyError, TypeError) as error:
        raise CheckpointError(f"{directory}: damaged: {error!r}") from error


def is_agent(directory: Path) -> bool:
    """Whether an online session's result lies there."""
    return not (directory / f"{NAME}.json").is_file() and (directory / f"{AGENT}.json").is_file()


def load(path: str | Path, device: str = "cpu") -> ChunkPolicy:
    """The policy saved at `path`, ready to predict.

    Args:
        path: a checkpoint's directory, a training run's directory, or a recipe's name (its newest run).
        device: `cpu`, `cuda`, or `auto` for the fastest there is.

    Raises:
        CheckpointError: there is none, it is an agent, a file is damaged, or the weights are not those of the card.
    """
    directory = _policy_folder(path)
    card = _read(directory)  # whether it can be read at all is said before its weights are looked at
    try:
        document, tensors = storage.read(directory, NAME)
        card = _card(directory, document)
        policy = ChunkPolicy(card.spec, card.inputs, card.config)
        policy.load_state_dict(tensors)
        policy.verify_with(_read_verifier(directory, document, torch_device(device)))
    except (storage.StorageError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{directory}: the weights cannot be used: {_reason(error, card)}") from error
    return policy.to(torch_device(device)).eval()


def _reason(error: Exception, card: Card) -> str:
    """Why weights do not fit; in words where the cause is known."""
    text = str(error)
    if "goal_encoder.differences" in text:
        return "the policy was trained before its goal was also seen from where the robot is; train it anew"
    plain = [f.name for f in card.inputs.vectors if f.wraps and f"vectors.{f.name}.normalizer" in text]
    plain += [f.name for f in card.spec.action.vectors if f.wraps and "action_normalizer" in text]
    if plain:
        return (
            f"the policy was trained when headings ({', '.join(plain)}) were still learned as plain numbers, which "
            "jump at pi; train it anew"
        )
    return text


def save_verifier(path: str | Path, verifier: CountVerifier) -> Path:
    """Write a verifier beside the policy at `path`, for whose present weights it was trained."""
    directory = resolve(path)
    document = {
        "policy": storage.read_document(directory, NAME)["tensors"]["sha256"],
        "sizes": list(verifier.sizes),
        "config": asdict(verifier.config),
        "provenance": provenance(),
    }
    storage.write(directory, VERIFIER, verifier.state_dict(), document)
    return directory / f"{VERIFIER}.json"


def _read_verifier(directory: Path, policy: Mapping[str, Any], device: torch.device) -> CountVerifier | None:
    """The verifier beside a policy, if there is one for these weights. Raises StorageError when it is damaged."""
    if not (directory / f"{VERIFIER}.json").is_file():
        return None
    if storage.read_document(directory, VERIFIER).get("policy") != policy["tensors"]["sha256"]:
        log.warning("%s: the verifier was trained for other weights and is not used; train it again", directory)
        return None
    document, tensors = storage.read(directory, VERIFIER)
    try:
        context_size, chunk_size = document["sizes"]
        verifier = CountVerifier(context_size, chunk_size, CountConfig(**document["config"]))
    except (KeyError, TypeError, ValueError) as error:
        raise storage.StorageError(f"{directory / VERIFIER}.json: damaged: {error!r}") from error
    verifier.load_state_dict(tensors)
    return verifier.to(device).eval().requires_grad_(False)


def require_fits(policy: Fitted, spec: Spec, cameras: Mapping[str, CameraConfig] | None = None) -> None:
    """Raise CheckpointError with every line of `check_fits`; nothing happens when the policy fits."""
    if differences := check_fits(policy, spec, cameras):
        lines = "\n  ".join(differences)
        raise CheckpointError(
            f"the policy does not fit robot '{spec.robot}' (first: policy, second: robot):\n  {lines}"
        )


def resolve(path: str | Path) -> Path:
    """The checkpoint directory that `path` means: itself, its `checkpoint/`, or the newest run of recipe `path`, which
    is a name or the recipe's folder.

    Raises:
        CheckpointError: none of these holds a policy.json, or an online session's agent.json.
    """
    path = Path(path)
    for candidate in (path, path / "checkpoint"):
        if any((candidate / f"{name}.json").is_file() for name in (NAME, AGENT)):
            return candidate
    runs = (workspace.root() / "policies" / path if len(path.parts) == 1 else path) / "checkpoints"
    cards = [*runs.glob(f"*/checkpoint/{NAME}.json"), *runs.glob(f"*/{AGENT}.json")]
    if newest := sorted(cards, key=lambda p: p.stat().st_mtime):
        return newest[-1].parent
    raise CheckpointError(why_absent(path))


def _policy_folder(path: str | Path) -> Path:
    """As `resolve`, for what is to be a policy by itself. Raises CheckpointError for an agent."""
    directory = resolve(path)
    if is_agent(directory):
        raise CheckpointError(
            f"{directory} holds the agent of an online session: it brings its own execution and is deployed on the "
            f"robot's computer (robot-rl deploy --checkpoint {directory}), neither served nor verified"
        )
    return directory


def torch_device(name: str) -> torch.device:
    """`auto` means CUDA where there is one, else the CPU. Raises CheckpointError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise CheckpointError(f"device '{name}': torch {torch.__version__} sees no CUDA device; use cpu or auto")
    try:
        return torch.device(name)
    except RuntimeError:
        raise CheckpointError(f"device '{name}' is none of cpu, cuda, cuda:<n>, auto") from None


def provenance() -> dict[str, str]:
    """Which code wrote a file, when, and with what."""
    return {
        "robot_rl": __version__,
        "git_revision": git_revision(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def git_revision() -> str:
    """The checkout's commit, with `-dirty` where tracked files differ from it; empty outside a checkout."""
    here = Path(__file__).parents[2]
    if not (here / ".git").exists():
        return ""
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _read(directory: Path) -> Card:
    try:
        document = storage.read_document(directory, NAME)
    except storage.StorageError as error:
        raise CheckpointError(str(error)) from None
    return _card(directory, document)


def _card(directory: Path, data: dict[str, Any]) -> Card:
    """What a document says. Raises CheckpointError."""
    file = directory / f"{NAME}.json"
    if data.get("format") != FORMAT:
        raise CheckpointError(f"{file}: format {data.get('format')!r}; only '{FORMAT}' checkpoints are read")
    if data.get("version") not in READABLE:
        raise CheckpointError(
            f"{file}: format version {data.get('version')}; this robot_rl reads {', '.join(map(str, READABLE))}"
        )
    try:
        _complete(data["config"], data["version"])
        return Card(
            spec=Spec.from_dict(data["spec"]),
            inputs=Layout.from_dict(data["inputs"]),
            config=PolicyConfig.from_dict(data["config"]),
            statistics={n: Statistics.from_dict(s) for n, s in data["statistics"].items()},
            dataset=data["dataset"],
            training=data["training"],
            provenance=data["provenance"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{file}: damaged, or from another version of robot_rl: {error!r}") from error


def _complete(config: dict[str, Any], version: int) -> None:
    """Say in an older checkpoint's configuration what was not an option then."""
    if version < 2:
        config.get("encoder", {}).setdefault("relative_poses", False)
    head = config.get("head", {})
    if version < 3 and head.get("name") in PREDICTED_BEFORE:
        head.setdefault("prediction", PREDICTED_BEFORE[head["name"]])
    if version < 3 and head.get("name") == "gmm_rnn":
        config["head"] = {"gains": False, "temperature": 1.0} | head
