"""What a session shows of itself: curves for TensorBoard, a line of figures for the terminal, a report to keep."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from robot_rl.learn.curves import Curves, load_curves
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.tally import Tally


class Logbook:
    """Curves of a session over robot steps, under `directory`.

    Args:
        steps: where the session stands; what was logged beyond is of steps that are taken again.
    """

    def __init__(self, directory: Path, steps: int = 0) -> None:
        known = {k: [p for p in points if p[0] <= steps] for k, points in load_curves(directory).items()}
        self._curves = Curves(directory, {k: v for k, v in known.items() if v})
        self._last: tuple[float, int, int] | None = None

    def episode(self, tally: Tally, updates: int, figures: Mapping[str, float]) -> dict[str, float]:
        """Log one episode; returns what was logged.

        Args:
            updates: critic updates so far.
            figures: of the newest update, and of the connection where there is one.
        """
        rates = self._rates(tally.robot_steps, updates)
        values = {
            "train/success_recent": sum(tally.recent) / max(len(tally.recent), 1),
            "train/human_share": tally.human_steps / max(tally.robot_steps, 1),
            **{f"learner/{k}": v for k, v in {**figures, **rates}.items()},
        }
        self._curves.add(tally.robot_steps, **values)
        self._curves.save()
        return values

    def point(self, point: Point) -> None:
        """Log one evaluation."""
        self._curves.add(point.robot_steps, **{"evaluation/success": point.success})
        self._curves.add(point.robot_steps, **{"evaluation/human_steps": float(point.human_steps)})
        if point.seconds_to_success is not None:
            self._curves.add(point.robot_steps, **{"evaluation/seconds_to_success": point.seconds_to_success})
        self._curves.save()

    def close(self) -> None:
        self._curves.close()

    def _rates(self, steps: int, updates: int) -> dict[str, float]:
        """Updates a second and a robot step since the last episode: the true update-to-data ratio."""
        now, before = time.monotonic(), self._last
        self._last = (now, steps, updates)
        if before is None or now <= before[0] or steps <= before[1]:
            return {}
        done = updates - before[2]
        return {"updates_per_second": done / (now - before[0]), "utd": done / (steps - before[1])}


def line(tally: Tally, values: Mapping[str, float]) -> str:
    """The session in one line."""
    parts = [f"{sum(tally.recent)}/{len(tally.recent)} of the last succeeded"]
    if tally.human_steps:
        parts.append(f"{values['train/human_share']:.0%} by the human")
    for key, text in (
        ("learner/utd", "UTD {:.1f}"),
        ("learner/updates_per_second", "{:.0f} updates/s"),
        ("learner/stale_updates", "parameters {:.0f} updates old"),
        ("learner/dropped", "{:.0f} rows not sent"),
    ):
        if key in values and (values[key] or key != "learner/dropped"):
            parts.append(text.format(values[key]))
    return ", ".join(parts)
