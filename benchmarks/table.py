"""Writes the tables of benchmarks/README.md from results/*.json; what stands outside the marks is kept.

python benchmarks/table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- tables: written by table.py -->", "<!-- end of tables -->"
COLUMNS = ("metric", "ours", "peer", "ratio", "unit", "target", "note")


ABOUT = ("name", "what", "date", "machine", "versions", "notes")
"""Keys of a document that say what was measured, not figures."""


def flat(value: object, path: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """The figures of a document that is nested rather than made of rows: one row each, named by its path."""
    if isinstance(value, dict):
        for key, part in value.items():
            if path or key not in ABOUT:
                yield from flat(part, (*path, str(key)))
    elif isinstance(value, bool | int | float | str):
        yield {"metric": ", ".join(path).replace("_", " "), "ours": value}


def table(document: dict[str, Any], stem: str) -> str:
    """One benchmark as a heading, a line on where it was run, and its rows."""
    rows = document["rows"] if isinstance(document.get("rows"), list) else list(flat(document))
    columns = [c for c in COLUMNS if any(row.get(c) not in (None, "") for row in rows)]
    machine = document.get("machine", {})
    where = machine if isinstance(machine, str) else ", ".join(f"{k} {v}" for k, v in machine.items())
    versions = ", ".join(f"{k} {v}" for k, v in document.get("versions", {}).items())
    about = "; ".join(part for part in (document.get("date", ""), where, versions) if part)
    lines = [f"### {document.get('name', stem)}" + (f": {document['what']}" if "what" in document else ""), ""]
    lines += [f"{about}.", ""] if about else []
    notes = document.get("notes", [])
    lines += [f"{note}\n" for note in ([notes] if isinstance(notes, str) else notes)]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(c)) for c in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def main() -> None:
    results = sorted((HERE / "results").glob("*.json"))
    tables = "\n".join(table(json.loads(p.read_text()), p.stem) for p in results)
    text = README.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{README} must hold '{BEGIN}' and '{END}' once each")
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    README.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}")


if __name__ == "__main__":
    main()
