"""The ways of execution by name, and the check that a policy is quick enough for the robot before it moves."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.asynchronous import AsyncExecutor, Overrun
from robot_rl.policies.ensembling import EnsembleExecutor
from robot_rl.policies.execution import ChunkExecutor, ExecutionError, Executor, SelfExecuting
from robot_rl.policies.policy import Policy
from robot_rl.policies.reactive import ReactivePolicy, SlowFastExecutor
from robot_rl.policies.realtime_chunking import ContinuingPolicy
from robot_rl.workspace import did_you_mean

Mode = Literal["receding", "ensemble", "async", "rtc", "slow_fast"]
MODES: tuple[str, ...] = get_args(Mode)
OVERRUNS: tuple[str, ...] = get_args(Overrun)
ASYNCHRONOUS: tuple[str, ...] = ("async", "rtc", "slow_fast")
"""Those in which the robot does not wait for the policy."""
COUNTS_IN = {
    "action_steps": tuple(m for m in MODES if m != "ensemble"),
    "latency_steps": ASYNCHRONOUS,
    "overrun": ASYNCHRONOUS,
    "decay": ("ensemble",),
}
"""The modes in which an option does anything."""


class TooSlowError(ExecutionError):
    """A policy cannot keep up with its robot; the message gives both figures."""


@dataclass(frozen=True)
class ExecutionConfig:
    """How action chunks become actions. An option that does nothing in the mode is refused."""

    mode: Mode = "receding"
    """`receding`: wait for a chunk, play its first rows, ask again. `ensemble`: a chunk every step, averaged (ACT).
    `async`: the next chunk is computed while this one plays. `rtc`: async, and the new chunk agrees with the old.
    `slow_fast`: async, and a fast decoder makes each action of what is sensed in its step (head slow_fast)."""
    action_steps: int = 0
    """Steps between two chunks; 0 takes the policy's own. `ensemble` asks in every step."""
    latency_steps: int = 1
    """Simulated time only: how many steps a chunk takes in `async`, `rtc` and `slow_fast`. In real time it is
    measured."""
    overrun: Overrun = "still"
    """`async`, `rtc` and `slow_fast`, when a chunk runs out before the next is there: hold still, or repeat its last
    action for one chunk's length at most (`last`)."""
    decay: float = 0.01
    """Of the weights of `ensemble`, the oldest chunk first."""
    samples: int = 1
    """Chunks drawn for each observation, in one batch; the policy's verifier chooses one of several."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ExecutionError(
                f"no execution '{self.mode}'; there are {', '.join(MODES)}.{did_you_mean(self.mode, MODES)}"
            )
        if self.overrun not in OVERRUNS:
            raise ExecutionError(f"overrun is '{self.overrun}'; it must be one of {', '.join(OVERRUNS)}")
        if self.action_steps < 0:
            raise ExecutionError(f"action_steps is {self.action_steps}; it must be at least 0 (the policy's own)")
        if self.samples < 1:
            raise ExecutionError(f"samples is {self.samples}; it must be at least 1")
        for name, modes in COUNTS_IN.items():
            if self.mode not in modes and getattr(self, name) != getattr(ExecutionConfig, name):
                raise ExecutionError(
                    f"{name} is {getattr(self, name)}, which does nothing in execution {self.mode}: leave it out, or "
                    f"choose {' or '.join(modes)}"
                )

    @property
    def asynchronous(self) -> bool:
        """The robot does not wait for the policy."""
        return self.mode in ASYNCHRONOUS


def make_executor(policy: Policy, config: ExecutionConfig, *, simulated: bool, latency: float = 0.0) -> Executor:
    """The executor that `config` describes.

    Args:
        simulated: time stands still while the policy computes; asynchronous execution then takes
            `config.latency_steps`, and the outcome is the same on every machine.
        latency: of a chunk in real time [s], to reckon with until it has been measured in use.

    Raises:
        ExecutionError, SpecError: the configuration does not fit the policy.
    """
    set_samples(policy, config.samples)
    steps = config.action_steps or None
    if isinstance(policy, SelfExecuting):
        if config.mode != "receding":
            raise ExecutionError(f"execution is '{config.mode}'; this policy brings its own: choose receding")
        if steps is not None:
            raise ExecutionError(f"action_steps is {steps}; this policy brings its own execution: leave it out")
        return policy.make_executor()
    if config.mode == "receding":
        return ChunkExecutor(policy, steps)
    if config.mode == "ensemble":
        return EnsembleExecutor(policy, config.decay)
    fixed = config.latency_steps if simulated else None
    expected = max(math.ceil(latency * policy.spec.rate), 1)
    if config.mode == "slow_fast":
        return SlowFastExecutor(policy, steps, latency=fixed, expected=expected, overrun=config.overrun)
    return AsyncExecutor(
        policy, steps, latency=fixed, expected=expected, overrun=config.overrun, continuing=config.mode == "rtc"
    )


def set_samples(policy: Policy, samples: int) -> None:
    """Have the policy choose among `samples` chunks.

    Raises:
        ExecutionError: it cannot; a policy behind a server is told there.
        SpecError: it has nothing to choose by.
    """
    choose = getattr(policy, "choose_among", None)
    if choose is not None:
        choose(samples)
    elif samples > 1:
        raise ExecutionError(
            f"samples is {samples}, and this policy cannot choose among several chunks here: set samples to 1; a "
            f"policy on a server chooses there (robot-rl serve --samples {samples})"
        )


def chunk_seconds(policy: Policy, *, continuing: bool = False, repeats: int = 5) -> float:
    """How long one chunk takes [s]: the median of `repeats`, after one to warm up, on a made-up observation.

    Args:
        continuing: of a chunk that continues another one (real-time chunking), which takes longer.
    """
    observation = blank_observation(policy)
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        if continuing and isinstance(policy, ContinuingPolicy) and policy.can_continue:
            rows = np.zeros((policy.horizon, policy.spec.action.size))
            policy.predict_onto(observation, rows, np.ones(policy.horizon), 1)
        else:
            policy.predict(observation)
        seconds.append(time.perf_counter() - begun)
    return median(seconds[1:])


def require_speed(policy: Policy, config: ExecutionConfig, seconds: float) -> None:
    """Refuse a policy that cannot keep up with its robot.

    Where the robot waits, a chunk must come within a control period. Where it does not, two chunks must be
    computed in the time that one lasts, or the robot would stand still between them.

    Args:
        seconds: what one chunk takes, from `chunk_seconds`.

    Raises:
        TooSlowError: both figures, and what to do.
    """
    rate, took = policy.spec.rate, f"a chunk takes {1e3 * seconds:.0f} ms"
    if not config.asynchronous and seconds > 1 / rate:
        raise TooSlowError(
            f"the policy is too slow: {took}, and robot '{policy.spec.robot}' wants an action every {1e3 / rate:.0f} ms"
            f" ({rate:g} Hz). Choose execution async or rtc, fewer sampling steps, or a faster device"
        )
    lasts = policy.horizon / rate
    if config.asynchronous and 2 * math.ceil(seconds * rate) > policy.horizon:
        raise TooSlowError(
            f"the policy is too slow: {took}, and lasts {1e3 * lasts:.0f} ms ({policy.horizon} steps at {rate:g} Hz); "
            f"it may take half of that. Choose fewer sampling steps, a faster device, or a longer horizon"
        )


def reaction_seconds(policy: Policy, *, repeats: int = 5) -> float:
    """How long the fast path takes for the last row of a plan, its longest [s]: the median of `repeats`, after one to
    warm up, on a made-up observation; 0 for a policy without one."""
    if not isinstance(policy, ReactivePolicy) or not policy.can_react:
        return 0.0
    observation = blank_observation(policy)
    plan = policy.plan(observation)
    fast = {n: np.repeat(observation[n][-1:], policy.horizon, axis=0) for n in policy.fast_names}
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        policy.react(plan, policy.horizon - 1, fast, observation)
        seconds.append(time.perf_counter() - begun)
    return median(seconds[1:])


def require_reaction(policy: Policy, seconds: float) -> None:
    """Refuse a fast path that takes longer than a control period. Raises TooSlowError with both figures."""
    rate = policy.spec.rate
    if seconds > 1 / rate:
        raise TooSlowError(
            f"the policy's fast path is too slow: an action takes {1e3 * seconds:.0f} ms, and robot "
            f"'{policy.spec.robot}' wants one every {1e3 / rate:.0f} ms ({rate:g} Hz). Choose a smaller decoder or "
            "horizon, or a faster device"
        )


def check_speed(policy: Policy, config: ExecutionConfig, attempts: int = 3, pause: float = 1.0) -> float:
    """Measure a policy and refuse it if it cannot keep up. The quickest of several attempts counts, since the machine
    may be busy starting up.

    Returns:
        What a chunk takes [s].

    Raises:
        TooSlowError: it was too slow every time, or its fast path does not keep the robot's rate.
    """
    if config.mode == "slow_fast":
        require_reaction(policy, reaction_seconds(policy))
    set_samples(policy, config.samples)
    best = math.inf
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause)
        best = min(best, chunk_seconds(policy, continuing=config.mode == "rtc"))
        try:
            require_speed(policy, config, best)
        except TooSlowError:
            continue
        return best
    require_speed(policy, config, best)
    return best


def blank_observation(policy: Policy) -> dict[str, NDArray[Any]]:
    """An observation history of zeros (poses: no rotation), for trying a policy out."""
    layout = getattr(policy, "inputs", policy.spec.observation)
    out = {}
    for name in policy.observation_names:
        f = layout[name]
        value = np.zeros(f.shape, dtype=np.uint8 if f.kind == "image" else f.dtype)
        if f.kind == "pose":
            value[-1] = 1
        out[name] = np.stack([value] * policy.n_obs)
    return out
