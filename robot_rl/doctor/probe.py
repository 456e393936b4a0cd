"""Running a piece of Python in a process of its own: a crash, a hang or an environment stays in there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


class ProbeError(RuntimeError):
    """A probe crashed, hung or said nothing; the message is its last word."""


def start(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `python *arguments` with some variables changed."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process: subprocess.Popen[str], timeout: float) -> dict[str, Any]:
    """Wait for a probe; the last line it printed is a JSON object.

    Raises:
        ProbeError: it took longer than `timeout` [s], failed, or printed no such line.
    """
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ProbeError(f"no answer within {timeout:g} s") from None
    if process.returncode:
        lines = [line for line in err.splitlines() if line.strip()]
        raise ProbeError(lines[-1] if lines else f"ended with code {process.returncode}")
    try:
        return dict(json.loads(out.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        raise ProbeError(f"unexpected answer {out[-200:]!r}") from None
