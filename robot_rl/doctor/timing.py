"""Can this machine keep a control loop's deadlines, and is its clock sane?"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np

from robot_rl.doctor.check import Finding

RATE = 100.0
"""[Hz]"""


def tick_errors(rate: float, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How late each tick of an idle loop on absolute deadlines wakes (N,) [s]."""
    start = time.monotonic()
    late = []
    for k in range(1, round(rate * seconds) + 1):
        deadline = start + k / rate
        time.sleep(max(0.0, deadline - time.monotonic()))
        late.append(time.monotonic() - deadline)
    return np.array(late)


def check_jitter() -> list[Finding]:
    """Lateness of an idle 100 Hz loop over two seconds: p99 within a tenth of the period."""
    late = tick_errors(RATE, 2.0) * 1e3
    p50, p99 = (float(v) for v in np.percentile(late, (50, 99)))
    detail = f"an idle 100 Hz loop wakes late by p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    figures = {"late_p50_ms": p50, "late_p99_ms": p99}
    if p99 <= 1.0:
        return [Finding("real-time jitter", "pass", detail, figures=figures)]
    remedy = (
        "close other programs; set the CPU governor to performance; for 100 Hz and above a PREEMPT_RT kernel "
        "and `ulimit -r` of at least 50"
    )
    return [Finding("real-time jitter", "warn", detail, remedy, figures)]


def check_clock() -> list[Finding]:
    """A monotonic clock of fine resolution, and a system clock that something keeps right."""
    resolution = time.get_clock_info("monotonic").resolution
    if resolution > 1e-6:
        return [Finding("clock", "warn", f"monotonic clock resolves only {resolution:g} s", "use another clock source")]
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    kind = source.read_text().strip() if source.is_file() else "unknown"
    synchronised = _synchronised()
    if synchronised is False:
        remedy = "sudo timedatectl set-ntp true; robots and computers that share topics need one time"
        return [Finding("clock", "warn", f"source {kind}, not synchronised", remedy)]
    state = "synchronised" if synchronised else "synchronisation unknown (no timedatectl)"
    return [Finding("clock", "pass", f"source {kind}, {state}")]


def _synchronised() -> bool | None:
    """Whether systemd says that NTP keeps the clock; None where it cannot be asked."""
    try:
        answer = subprocess.run(
            ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=3,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"yes": True, "no": False}.get(answer)
