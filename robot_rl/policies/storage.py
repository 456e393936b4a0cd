"""Tensors and a JSON document in one directory, replaced together: safetensors, never pickle.

The document names its tensor file, whose name holds the hash of its content. New tensors are on disk
before the document is replaced by one atomic rename, so `read` finds the old pair or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


class StorageError(ValueError):
    """A file is missing, damaged, or not the one its document describes; the message names it."""


def write(directory: Path, name: str, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
    """Write `<name>.json` and `<name>-<hash>.safetensors` into `directory`, replacing an older pair."""
    directory.mkdir(parents=True, exist_ok=True)
    raw = save({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()})
    digest = hashlib.sha256(raw).hexdigest()
    weights = directory / f"{name}-{digest[:12]}.safetensors"
    _replace(weights, raw)
    text = json.dumps({**document, "tensors": {"file": weights.name, "sha256": digest}}, indent=1) + "\n"
    _replace(directory / f"{name}.json", text.encode())
    for old in directory.glob(f"{name}-*.safetensors"):
        if old != weights:
            old.unlink()
    for kind in (f".{name}-*.safetensors.*", f".{name}.json.*"):
        for left in directory.glob(kind):  # by a writer that was killed
            left.unlink(missing_ok=True)


def read(directory: Path, name: str, device: str | torch.device = "cpu") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A document and its tensors. A pair that is replaced between the two is read once more. Raises StorageError."""
    document = read_document(directory, name)
    try:
        return document, read_tensors(directory, document, device)
    except StorageError:
        newer = read_document(directory, name)
        if newer.get("tensors") == document.get("tensors"):
            raise
        return newer, read_tensors(directory, newer, device)


def read_document(directory: Path, name: str) -> dict[str, Any]:
    """The JSON document alone. Raises StorageError."""
    file = directory / f"{name}.json"
    try:
        data = json.loads(file.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StorageError(f"{file}: not readable: {error}") from None
    if not isinstance(data, dict):
        raise StorageError(f"{file}: a JSON object was expected, got {type(data).__name__}")
    return data


def read_tensors(directory: Path, document: Mapping[str, Any], device: str | torch.device = "cpu") -> dict[str, Tensor]:
    """The tensors that a document names, checked against its hash. Raises StorageError."""
    try:
        entry = document["tensors"]
        file, digest = directory / Path(entry["file"]).name, entry["sha256"]
    except (KeyError, TypeError):
        raise StorageError(f"{directory}: the document does not name its tensor file") from None
    try:
        raw = file.read_bytes()
        if hashlib.sha256(raw).hexdigest() != digest:
            raise StorageError(f"{file}: damaged: its sha256 is not the one written down when it was saved")
        return {k: v.to(device) for k, v in load(raw).items()}
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{file}: not readable: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    """Put `content` at `path` by writing beside it, flushing to disk and renaming."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    fresh.replace(path)
