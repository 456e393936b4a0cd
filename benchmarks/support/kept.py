"""The runs that a table is made of, kept beside it, so that another machine or another day can go on with them."""

from __future__ import annotations

import json
from typing import Any

from support.results import RESULTS

Document = dict[str, Any]


def known(name: str) -> Document:
    """Every run of the benchmark `name` that is kept, by its key."""
    file = RESULTS / "trials" / f"{name}.json"
    document: Document = json.loads(file.read_text()) if file.exists() else {}
    return document


def keep(name: str, runs: Document) -> None:
    """Replace what is kept, one run a line."""
    file = RESULTS / "trials" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(run)}" for key, run in sorted(runs.items()))
    file.write_text("{\n" + lines + "\n}\n")
