"""What the recorder says of itself on /diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


def recorder_status(heard: object, silent: Sequence[str], *, recording: bool) -> DiagnosticArray:
    """Without its stamp.

    Args:
        heard: which streams were heard.
        silent: those from which nothing comes while an episode is recorded.
    """
    idle = "recording" if recording else "idle"
    status = DiagnosticStatus(
        level=DiagnosticStatus.WARN if silent else DiagnosticStatus.OK,
        name="recorder",
        message=f"nothing comes from {', '.join(silent)}" if silent else idle,
        values=[KeyValue(key="streams", value=str(heard))],
    )
    return DiagnosticArray(status=[status])
