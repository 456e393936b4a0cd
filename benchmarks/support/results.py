"""Rows of figures and the file they are kept in: one JSON a benchmark, which table.py turns into the README."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True)
class Row:
    """One figure, beside a peer's where there is one."""

    metric: str
    ours: float | None
    peer: float | None = None
    ratio: float | None = None
    """How many times better ours is, as the metric defines better; the median over interleaved repetitions."""
    unit: str = ""
    target: str = ""
    note: str = ""


def median(values: Sequence[float]) -> float:
    """The median, to four significant digits."""
    return rounded(statistics.median(values))


def rounded(value: float) -> float:
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": model, "cores": os.cpu_count(), "memory_gb": round(memory / 1e9, 1), "kernel": platform.release()}


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions, Python's own included."""
    out = {"python": platform.python_version()}
    for name in packages:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "absent"
    return out


def save(name: str, what: str, rows: Sequence[Row], **more: Any) -> Path:
    """Write `results/<name>.json` and print the rows."""
    document = {"name": name, "what": what, "date": date.today().isoformat(), "machine": machine()}
    document |= more | {"rows": [asdict(r) for r in rows]}
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
    for r in rows:
        peer = "" if r.peer is None else f", peer {r.peer:g}, ratio {r.ratio:g}" if r.ratio else f", peer {r.peer:g}"
        ours = "-" if r.ours is None else f"{r.ours:g}"
        print(f"{r.metric}: {ours}{peer} {r.unit} (target {r.target or 'none'}) {r.note}")
    return path
