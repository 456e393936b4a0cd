"""How much memory this process may use."""

from __future__ import annotations

import os
import resource
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 62


def available() -> int:
    """Bytes: of the machine, or of its control group or address space where these are limited to less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return min(total, _UNLIMITED if limit == resource.RLIM_INFINITY else limit, _cgroup_limit())


def _cgroup_limit() -> int:
    """The least limit on the way from this process's control group to the root, of version 1 or 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return _UNLIMITED
    limits = [_UNLIMITED]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, name = CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(root):
                break
            limits.append(_read(folder / name))
    return min(limits)


def _read(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:
        return _UNLIMITED
    return int(text) if text.isdigit() else _UNLIMITED
