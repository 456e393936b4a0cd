"""Telling addresses of object stores from paths."""

from __future__ import annotations

import re
from pathlib import Path

_URL = re.compile(r"^(s3|s3a|gs|az|abfs):/+(.+)$")


def store_url(path: str | Path) -> str | None:
    """The address of a data set in an object store, `s3://bucket/name`; None for a path on this machine.

    An address that has been a `Path`, and so has lost a slash, is understood too.
    """
    found = _URL.match(str(path))
    return f"{found[1]}://{found[2].rstrip('/')}" if found else None
