"""What is observed in a control step, as a row of the replay; the base policy's action beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actor import STATE
from robot_rl.learn.online.residual import BASE_ACTION
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.policies.policy import Policy
from robot_rl.spec import Layout, Spec
from robot_rl.workspace import did_you_mean

PRIVILEGED = "privileged_"
"""How fields begin that no robot measures: for demonstrators in simulation, and for policies only if named."""

Values = Mapping[str, NDArray[Any]]
Row = dict[str, NDArray[Any]]


class Observer:
    """Turns the values of a step into a row: the chosen vector fields as one, and the base's action if there is one.

    Args:
        names: vector fields; empty takes the base's, else all of the spec that are not marked PRIVILEGED.
        base: the frozen policy; its chunks are played as deployed, and void after a step that it did not drive.

    Raises:
        TrainingError: no such vector field, or the base is for another action space.
    """

    def __init__(self, spec: Spec, names: tuple[str, ...] = (), base: Policy | None = None) -> None:
        vectors = {f.name: f for f in spec.observation.vectors}
        seen = base.observation_names if base else [n for n in vectors if not n.startswith(PRIVILEGED)]
        chosen = names or tuple(n for n in seen if n in vectors)
        for name in chosen:
            if name not in vectors:
                raise TrainingError(f"no vector observation '{name}'.{did_you_mean(name, vectors)}")
        if base is not None:
            theirs = Spec("", spec.rate, Layout(), base.spec.action, base.spec.control_mode)
            mine = Spec("", spec.rate, Layout(), spec.action, spec.control_mode)
            if differences := mine.differences(theirs):
                raise TrainingError("the base policy has another action space: " + "; ".join(differences))
        self.layout = Layout(tuple(vectors[n] for n in chosen))
        self.needed = tuple(dict.fromkeys((*chosen, *(base.observation_names if base else ()))))
        """Every field and camera looked at."""
        self._action_size = spec.action.size
        self._executor = ChunkExecutor(base) if base is not None else None

    @property
    def fields(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each field of a row."""
        out: dict[str, tuple[tuple[int, ...], str]] = {STATE: ((self.layout.size,), "float32")}
        return out | ({BASE_ACTION: ((self._action_size,), "float32")} if self._executor else {})

    def reset(self, seed: int | None) -> None:
        """A new episode."""
        if self._executor is not None:
            self._executor.reset(seed)

    def row(self, values: Values) -> Row | None:
        """The row of this step, the base's action included; None while the base is unavailable."""
        out: Row = {STATE: self.layout.pack(values).astype(np.float32)}
        if self._executor is not None:
            action = self._executor.act(values)
            if action is None:
                return None
            out[BASE_ACTION] = action.astype(np.float32)
        return out

    def interrupt(self) -> None:
        """The policy did not act in the step of the last row: the base's chunk is void."""
        if self._executor is not None:
            self._executor.interrupt()
