"""Where the folders that a lab edits lie: hardware/, datasets/, policies/, sim2real/.

They are looked for in `$ROBOT_RL_WORKSPACE`, in the current directory and its parents, in the
checkout this package runs from, and last among the read-only copies installed with the wheel.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

LISTED = 16
"""Names that an error message lists at most."""
FOLDERS = ("hardware", "datasets", "policies", "sim2real")


def installed_share() -> Path:
    """`share/robot_rl` of this Python environment: what the wheel installed (an ament prefix's layout)."""
    return Path(sys.prefix) / "share" / "robot_rl"


def _roots() -> list[Path]:
    roots = []
    if env := os.environ.get("ROBOT_RL_WORKSPACE"):
        roots.append(Path(env))
    here = Path.cwd()
    roots += [p for p in (here, *here.parents) if (p / "hardware").is_dir()]
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        roots.append(checkout)
    roots.append(installed_share())
    return list(dict.fromkeys(roots))


def root() -> Path:
    """The folder that recordings, checkpoints and runs are written under: the first workspace found, else `.`."""
    writable = [r for r in _roots() if r != installed_share()]
    return writable[0] if writable else Path.cwd()


def find(kind: str, name: str, filename: str) -> Path | None:
    """The file `<kind>/<name>/<filename>` in the first workspace that has it, or None."""
    for r in _roots():
        path = r / kind / name / filename
        if path.is_file():
            return path
    return None


def names(kind: str, filename: str) -> list[str]:
    """All names under `<kind>/` that hold `filename`, over every workspace."""
    found = {p.parent.name for r in _roots() for p in (r / kind).glob(f"*/{filename}")}
    return sorted(found)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name and lists the others, of many the nearest, for error messages."""
    options = sorted(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    if len(options) <= LISTED:
        return f"{hint} Known: {', '.join(options) or 'none'}."
    nearest = sorted(difflib.get_close_matches(name, options, n=LISTED // 2, cutoff=0.0))
    return f"{hint} Known: {', '.join(nearest)}, and {len(options) - len(nearest)} more."
