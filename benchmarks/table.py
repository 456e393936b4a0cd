"""Writes the tables of benchmarks/README.md from results/*.json; what stands outside the marks is kept.

python benchmarks/table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- tables: written by table.py -->", "<!-- end of tables -->"
COLUMNS = ("metric", "ours", "peer", "ratio", "unit", "target", "note")


def table(document: dict[str, Any]) -> str:
    """One benchmark as a heading, a line on where it was run, and its rows."""
    machine = document.get("machine", {})
    where = machine if isinstance(machine, str) else ", ".join(f"{k} {v}" for k, v in machine.items())
    versions = ", ".join(f"{k} {v}" for k, v in document.get("versions", {}).items())
    lines = [f"### {document['name']}: {document['what']}", ""]
    lines += [f"{document.get('date', '')}; {where}" + (f"; {versions}" if versions else "") + ".", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cell(row.get(c)) for c in COLUMNS) + " |" for row in document["rows"]]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def main() -> None:
    documents = [json.loads(p.read_text()) for p in sorted((HERE / "results").glob("*.json"))]
    tables = "\n".join(table(d) for d in documents if isinstance(d.get("rows"), list))
    text = README.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{README} must hold '{BEGIN}' and '{END}' once each")
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    README.write_text(f"{before}{BEGIN}\n\n{tables}\n{END}{after}")


if __name__ == "__main__":
    main()
