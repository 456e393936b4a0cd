"""Committing an episode to an object store, which has no rename.

1. Claim a number: create `.robot_rl/claims/<number>`; if it is there already, another writer has it, take the next.
2. Upload every file of the episode below `episodes/<number>/`. Nobody looks there yet.
3. Create `episodes/<number>/zarr.json`, which holds the checksums of all others. This one request commits.

A writer that dies in between leaves objects that no reader sees, and the complete episode in its outbox on
disk, from where it is sent again. The number is noted in the outbox before step 2, so an episode whose
answer to step 3 was lost is recognised by its id and not sent twice.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_rl.datasets.cloud.index import claim_key, episode_key
from robot_rl.datasets.cloud.objects import Objects
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.episode_attributes import complete
from robot_rl.datasets.store.files import canonical_json, group_json, read_json, replace_atomically

CLAIM_AGE = 12 * 3600.0
"""A claim older than this [s] is given up: readers may no longer look for its episode (`index.FORGET_AGE`)."""
log = logging.getLogger(__name__)


def upload(objects: Objects, folder: Path, attributes: Mapping[str, Any], note: Path, first: int) -> dict[str, Any]:
    """Send a complete episode.

    Args:
        attributes: complete but for number and digest, with the checksums.
        note: a file beside the episode where its number is kept until it is sent.
        first: the lowest number that may be free.

    Returns:
        The attributes as committed.

    Raises:
        StoreError: the store could not be reached; sending again is safe.
    """
    number = _claimed(objects, note, str(attributes["id"]), first)
    committed = complete(attributes, {"number": number})
    prefix = episode_key(number)
    if not _committed(objects, prefix, attributes["id"]):
        objects.upload({f"{prefix}/{path}": folder / path for path in attributes["checksums"]})
        if not objects.create(f"{prefix}/zarr.json", group_json(committed)) and not _committed(
            objects, prefix, attributes["id"]
        ):
            raise DatasetError(f"{objects.url}/{prefix} belongs to another episode, though its number was claimed here")
    return committed


def _committed(objects: Objects, prefix: str, identity: str) -> bool:
    """Whether this very episode is there already: the answer to an earlier attempt was lost."""
    data = objects.get(f"{prefix}/zarr.json")
    return data is not None and json.loads(data)["attributes"].get("id") == identity


def _claimed(objects: Objects, note: Path, identity: str, first: int) -> int:
    """A number that is this episode's alone: that of an earlier attempt, or a new one."""
    if note.is_file():
        noted = read_json(note)
        number = int(noted["number"])
        if time.time() - noted["time"] < CLAIM_AGE or _committed(objects, episode_key(number), identity):
            return number
        log.warning("the claim to number %d is too old; the episode gets another", number)
    number = first  # every lower one is claimed, so that readers need not look back
    claim = {"id": identity, "host": socket.gethostname(), "time": time.time()}
    while not objects.create(claim_key(number), canonical_json(claim)):
        number += 1
    replace_atomically(note, canonical_json({"number": number, "time": claim["time"]}))
    return number
