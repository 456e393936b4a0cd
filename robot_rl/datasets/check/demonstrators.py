"""Demonstrators compared: is there more than one speed at similar states, and who drives at which?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.check.findings import Finding, Severity
from robot_rl.datasets.check.operators import MIN_MATCHES, Modes, similar_radius, speed_modes, speed_ratio
from robot_rl.datasets.check.velocity import measured_velocity
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Phase, Source
from robot_rl.spec import Field, Spec

RATIO = 1.4
"""Operators whose speeds differ by more are reported."""
MIN_EPISODES = 3
"""Of each operator, before they are compared."""
MAX_STATES = 2000
MOVING = 0.05
"""Steps slower than this share of the 95 % quantile of speed are no motion."""
_STATES = ("pose", "joint_position", "vector")
_SPEEDS = ("twist", "pose", "joint_velocity", "joint_position")


class DemonstratorRules:
    """Speed at similar states, within demonstrations."""

    def __init__(self, spec: Spec) -> None:
        self._fields = [f for f in spec.observation.vectors if f.kind in _STATES and "/s" not in f.unit]
        ranked = sorted((f for f in spec.observation.vectors if f.kind in _SPEEDS), key=lambda f: _SPEEDS.index(f.kind))
        self._speed_field: Field | None = ranked[0] if ranked else None
        self._states: list[NDArray[np.float64]] = []
        self._speeds: list[NDArray[np.float64]] = []
        self._operators: list[str] = []
        self._episodes: list[int] = []

    def add(self, episode: Episode) -> None:
        names, speed = [f.name for f in self._fields], self._speed_field
        if speed is None or any(not episode.attributes["samples"].get(name) for name in (*names, speed.name)):
            return
        steps = episode.steps
        mask = (steps["phase"] == Phase.DEMONSTRATION) & (steps["source"] == Source.HUMAN)
        if not mask.any():
            return
        aligned = episode.aligned(names)
        parts = [aligned[f.name][:, :3] if f.kind == "pose" else aligned[f.name] for f in self._fields]
        states = np.concatenate(parts, axis=1).astype(np.float64)
        stamps, velocity = measured_velocity(episode, speed)
        if len(stamps) < 2:
            return
        size = np.linalg.norm(velocity, axis=1)
        speeds = np.interp(steps["stamp"], stamps, size)
        mask &= np.isfinite(states).all(axis=1) & np.isfinite(speeds)
        self._states.append(states[mask])
        self._speeds.append(speeds[mask])
        self._operators += [str(episode.attributes.get("operator") or "unknown")] * int(mask.sum())
        self._episodes += [episode.number] * int(mask.sum())

    def findings(self) -> Iterator[Finding]:
        if len(self._states) < 3:
            return
        states, speeds = np.concatenate(self._states), np.concatenate(self._speeds)
        operators, episodes = np.array(self._operators), np.array(self._episodes)
        keep = np.flatnonzero(speeds > MOVING * np.quantile(speeds, 0.95))
        if len(keep) > MAX_STATES:
            keep = np.sort(np.random.default_rng(0).choice(keep, MAX_STATES, replace=False))
        if len(keep) < MIN_MATCHES:
            return
        states, logs, operators, episodes = states[keep], np.log(speeds[keep]), operators[keep], episodes[keep]
        spread = states.std(axis=0)
        states = states[:, spread > 1e-9] / spread[spread > 1e-9]
        radius = similar_radius(states, episodes)
        yield from self._between(states, logs, operators, episodes, radius)
        modes = speed_modes(states, logs, episodes)
        if modes is not None and modes.distinct:
            yield _two_speeds(modes)

    def _between(
        self,
        states: NDArray[np.float64],
        logs: NDArray[np.float64],
        operators: NDArray[np.str_],
        episodes: NDArray[np.int64],
        radius: float,
    ) -> Iterator[Finding]:
        several = [o for o in set(operators.tolist()) if len(set(episodes[operators == o].tolist())) >= MIN_EPISODES]
        for a, b in combinations(sorted(several), 2):
            first, second = operators == a, operators == b
            ratio, matches = speed_ratio((states[first], logs[first]), (states[second], logs[second]), radius)
            if matches >= MIN_MATCHES and max(ratio, 1 / ratio) > RATIO:
                fast, slow = (b, a) if ratio > 1 else (a, b)
                times = max(ratio, 1 / ratio)
                yield Finding(
                    Severity.WARNING,
                    "operators differ in speed",
                    f"{fast} drives {times:.1f} times as fast as {slow} at the same places ({matches} compared)",
                    "agree on a pace, condition the policy on the operator, or train on one of them",
                    stream=f"{fast} / {slow}",
                    figure=times,
                    unit="x",
                )


def _two_speeds(modes: Modes) -> Finding:
    return Finding(
        Severity.WARNING,
        "two speeds",
        f"at similar states the speed has two modes, one {modes.ratio:.1f} times the other; {modes.minor:.0%} of the "
        f"steps are in the smaller (Ashman's D {modes.separation:.1f})",
        "a policy that predicts a mean will do neither: use a generative head (flow, diffusion), or even out the pace",
        figure=modes.ratio,
        unit="x",
    )
