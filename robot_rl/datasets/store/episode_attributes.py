"""The attributes of an episode, which say all that is known of it beside its steps and streams.

`number`, `id`, `format`, `instruction`, `operator`, `robot`, `seed`, `purpose` (demonstration, deployment or
evaluation), `success` (true, false or null), `clock`, `started` (ISO 8601), `steps`, `samples` (per stream), `end`
[ns], `coding_error` (of lossy streams: mean squared error over the `frames` that were measured while recording),
`recorder` (how often it waited for the disk), `policy` (identity of the policy that acted), `software`, `checksums`
(SHA-256 by file) and `digest` (SHA-256 of the other attributes). Where it applies: `marked` (true: a person said
how it ended, by a button or afterwards), `judge` (whose word counted of every state in place of the task's: a
person's `keys` or a reward `classifier`), `judged` (false: nothing but a person's word says how it went, and without
one it was just cut off) and `reward_label` (what was said of it afterwards, and by whom). `datasets.verdicts` says what
follows from them.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import robot_rl
from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.description import FORMAT
from robot_rl.datasets.store.files import canonical_json

PURPOSES = ("demonstration", "deployment", "evaluation")
_DEFAULTS: dict[str, Any] = {
    "instruction": "",
    "operator": "",
    "seed": None,
    "purpose": "demonstration",
    "clock": "system",
    "policy": None,
}


def begun(robot: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an episode that begins now, with an id of its own.

    Args:
        given: those that the recorder knows (JSON); they replace the defaults.

    Raises:
        DatasetError: an unknown purpose, or a value that is no JSON.
    """
    purpose = given.get("purpose", _DEFAULTS["purpose"])
    if purpose not in PURPOSES:
        raise DatasetError(f"purpose '{purpose}'.{workspace.did_you_mean(str(purpose), PURPOSES)}")
    known = _DEFAULTS | {"robot": robot} | dict(given)
    canonical_json(known)
    return known | {
        "id": uuid.uuid4().hex,
        "format": FORMAT,
        "software": f"robot_rl {robot_rl.__version__}",
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def complete(attributes: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`attributes` with `changes`, and the digest that follows from them."""
    out = dict(attributes) | dict(changes)
    out["digest"] = attributes_digest(out)
    return out


def attributes_digest(attributes: Mapping[str, Any]) -> str:
    """SHA-256 of an episode's attributes, `digest` itself left out."""
    return hashlib.sha256(canonical_json({k: v for k, v in attributes.items() if k != "digest"})).hexdigest()
