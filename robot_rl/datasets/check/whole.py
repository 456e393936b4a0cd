"""What shows only over all episodes: channels, lag, clipping, operators. Fed one episode at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.check.commands import Lag, changed
from robot_rl.datasets.check.findings import Finding, Severity
from robot_rl.datasets.check.numbers import Channels
from robot_rl.datasets.check.velocity import Pair, episode_lag, pairs
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Source
from robot_rl.spec import Field, Spec

SATURATED = 0.05
"""A larger share of samples at an end of what was ever measured is reported."""
CLIPPED = (0.05, 0.2)
"""Shares of steps in which the request was changed: from the first for information, from the second a warning."""
LAG_SECONDS, LAG_PERIODS = 0.15, 3.0
"""A lag is a warning from the larger of both on."""
MIN_CORRELATION = 0.6
"""Below it, command and motion have too little to do with each other for a lag."""


class ChannelRules:
    """Constant and saturated channels of every field and of the executed action."""

    def __init__(self, spec: Spec) -> None:
        self._fields: dict[str, Field] = {f.name: f for f in spec.observation.vectors}
        self._channels = {n: Channels(f.size) for n, f in self._fields.items()}
        self._spec, self._actions = spec, Channels(spec.action.size)
        self._episodes = 0

    def add(self, episode: Episode) -> None:
        self._episodes += 1
        self._actions.add(episode.steps["executed"])
        for name in set(self._fields) & set(episode.stream_names):
            self._channels[name].add(np.asarray(episode.stream(name).values, dtype=np.float64))

    def findings(self) -> Iterator[Finding]:
        for name, channels in self._channels.items():
            yield from self._sensor(self._fields[name], channels)
        if self._actions.count > 1 and self._actions.constant.any():
            names = [n for n, c in zip(self._spec.action.labels, self._actions.constant) if c]
            yield Finding(
                Severity.INFO,
                "constant action",
                f"never used: {', '.join(names)}",
                "nothing, if the task does not need it; else demonstrate it too",
                stream="executed",
                figure=len(names),
                unit="channels",
            )

    def _sensor(self, field: Field, channels: Channels) -> Iterator[Finding]:
        if channels.count < 2:
            return
        constant = channels.constant
        if constant.any():
            names = "every channel" if constant.all() else ", ".join(np.array(field.labels)[constant])
            yield Finding(
                Severity.WARNING if constant.all() and self._episodes > 1 else Severity.INFO,
                "constant channel",
                f"{names} never changes",
                "check that the sensor is alive; leave a dead one out of training",
                stream=field.name,
                figure=int(constant.sum()),
                unit="channels",
            )
        if field.kind in ("pose", "joint_position") or field.low is not None:
            return  # resting at the end of its travel is no saturation
        share = channels.at_an_end
        if (worst := int(share.argmax())) >= 0 and share[worst] > SATURATED:
            yield Finding(
                Severity.WARNING,
                "saturated channel",
                f"{field.labels[worst] or field.name} sits exactly at an end of its range in {share[worst]:.0%} "
                f"of the samples ({channels.low[worst]:.4g} to {channels.high[worst]:.4g} {field.unit})",
                "widen the sensor's range, or the driver's clipping",
                stream=field.name,
                figure=100 * float(share[worst]),
                unit="%",
            )


class LagRules:
    """How long the robot takes to do what it was sent."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._lags: dict[Pair, dict[int, Lag]] = {pair: {} for pair in pairs(spec)}

    def add(self, episode: Episode) -> None:
        for pair, lags in self._lags.items():
            if (found := episode_lag(episode, pair)) is not None:
                lags[episode.number] = found

    def best(self) -> list[tuple[Pair, dict[int, Lag]]]:
        """For each action field the observation that follows it best, with the lag in each episode."""
        out: dict[str, tuple[float, Pair, dict[int, Lag]]] = {}
        for pair, lags in self._lags.items():
            good = {n: one for n, one in lags.items() if one.correlation > MIN_CORRELATION}
            score = float(np.median([one.correlation for one in lags.values()])) if lags else 0.0
            if good and score > out.get(pair.command.name, (MIN_CORRELATION,))[0]:
                out[pair.command.name] = (score, pair, good)
        return [(pair, lags) for _, pair, lags in out.values()]

    def figures(self) -> dict[str, float]:
        return {
            f"lag of {p.measured.name} behind {p.command.name} [ms]": 1e3 * _median(lags) for p, lags in self.best()
        }

    def findings(self) -> Iterator[Finding]:
        period = 1.0 / self._spec.rate
        for pair, lags in self.best():
            usual = _median(lags)
            name = f"{pair.measured.name}"
            if usual > max(LAG_SECONDS, LAG_PERIODS * period):
                yield Finding(
                    Severity.WARNING,
                    "lag",
                    f"'{name}' follows '{pair.command.name}' {usual * 1e3:.0f} ms late (median of {len(lags)})",
                    "find the delay (driver, network, low-level controller); predict action chunks that reach past it",
                    stream=name,
                    figure=usual * 1e3,
                    unit="ms",
                )
            if usual < -0.5 * period:
                yield Finding(
                    Severity.ERROR,
                    "lag",
                    f"'{name}' moves {-usual * 1e3:.0f} ms before '{pair.command.name}' is commanded: stamps are wrong",
                    "stamp measurements when they are taken and steps when they are sent, with the same clock",
                    stream=name,
                    figure=usual * 1e3,
                    unit="ms",
                )
            for number, one in lags.items():
                if abs(one.seconds - usual) > 2 * period and one.correlation > 0.8:
                    yield Finding(
                        Severity.WARNING,
                        "unusual lag",
                        f"{one.seconds * 1e3:.0f} ms, usually {usual * 1e3:.0f} ms",
                        "look at it with robot-rl view; a stalled network or a changed controller shows like this",
                        number,
                        name,
                        one.seconds * 1e3,
                        "ms",
                    )


def _median(lags: dict[int, Lag]) -> float:
    return float(np.median([one.seconds for one in lags.values()]))


class ClippingRules:
    """How often the safety envelope, or the robot, did something else than what was asked for."""

    def __init__(self, spec: Spec) -> None:
        span = spec.action.high - spec.action.low
        self._span: NDArray[np.float64] = np.where(np.isfinite(span), span, 1.0)
        self._steps: Counter[str] = Counter()
        self._changed: Counter[str] = Counter()
        self._flags: Counter[str] = Counter()

    def add(self, episode: Episode) -> None:
        steps = episode.steps
        for source, column in ((Source.POLICY, "proposed"), (Source.HUMAN, "human")):
            acting = steps["source"] == source
            here = acting & changed(steps[column], steps["executed"], self._span)
            self._steps[column] += int(acting.sum())
            self._changed[column] += int(here.sum())
            for flag in Safety:
                self._flags[f"{column} {flag.name}"] += int((steps["safety"][here] & flag != 0).sum())

    def figures(self) -> dict[str, float]:
        return {
            f"executed differs from {column} [% of steps]": 100 * self._changed[column] / n
            for column, n in self._steps.items()
            if n
        }

    def findings(self) -> Iterator[Finding]:
        for column, n in self._steps.items():
            share = self._changed[column] / n if n else 0.0
            if share > CLIPPED[0]:
                flags = {f.name: self._flags[f"{column} {f.name}"] / n for f in Safety}
                why = ", ".join(f"{name} {s:.0%}" for name, s in sorted(flags.items(), key=lambda p: -p[1]) if s > 0)
                yield Finding(
                    Severity.WARNING if share > CLIPPED[1] else Severity.INFO,
                    "clipping",
                    f"in {share:.0%} of {n} steps what was executed is not what was asked for ({why or 'no flag set'})",
                    "RATE, JERK: smoother commands or wider limits; BOUND: scale the device or the policy's actions; "
                    "WORKSPACE: enlarge it or stay inside",
                    stream=column,
                    figure=100 * share,
                    unit="%",
                )
