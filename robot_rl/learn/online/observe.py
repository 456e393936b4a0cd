"""What is observed in a control step, as a row of the replay; what an agent gets to see of rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.policies.policy import Policy
from robot_rl.spec import Layout, Spec
from robot_rl.workspace import did_you_mean

STATE = "state"
"""The field of all vector observations that the learner looks at, one after the other."""
BASE_ACTION = "base_action"
"""What the base would have done (A,), physical units: a_b at a row, and the next a_b after it."""
PREVIOUS_ACTION = "previous_action"
"""What was executed in the step before (A,), physical units."""
BASE = "base/"
"""How the fields begin that a sampled base looks at: histories (B, n_obs, *shape) of an observation."""
IMAGE = "image/"
"""How the fields of pictures begin, uint8 (H, W, 3)."""
PRIVILEGED = "privileged_"
"""How fields begin that no robot measures: for demonstrators in simulation, and for policies only if named."""

Values = Mapping[str, NDArray[Any]]
Row = dict[str, NDArray[Any]]
Pictures = Mapping[str, tuple[int, int]]
"""Height and width of each camera's pictures."""


class Observer:
    """Turns the values of a step into a row, and the newest rows into what an agent sees.

    Args:
        names: vector fields and cameras that the learner looks at; empty takes the base's, else all vector fields
            of the spec that are not marked PRIVILEGED.
        played: a frozen policy whose chunks are played as deployed beside whoever acts; its action is part of each
            row, and its chunk is void after a step that it did not drive.
        sampled: a frozen policy that the agent samples by itself; what it looks at is part of each row.
        cameras: what there is to see.
        first_action: rows hold the action executed in the step before; this counts as executed before the first.

    Raises:
        TrainingError: no such field or camera, or the base is for another action space.
    """

    def __init__(
        self,
        spec: Spec,
        names: tuple[str, ...] = (),
        played: Policy | None = None,
        sampled: Policy | None = None,
        cameras: Pictures | None = None,
        first_action: NDArray[np.float64] | None = None,
    ) -> None:
        vectors, cameras = {f.name: f for f in spec.observation.vectors}, cameras or {}
        base = played or sampled
        seen = base.observation_names if base else [n for n in vectors if not n.startswith(PRIVILEGED)]
        chosen = names or tuple(n for n in seen if n in vectors)
        for name in chosen:
            if name not in vectors and name not in cameras:
                raise TrainingError(f"no observation '{name}'.{did_you_mean(name, [*vectors, *cameras])}")
        if base is not None:
            _check_same_action(spec, base)
        self.layout = Layout(tuple(vectors[n] for n in chosen if n in vectors))
        looked_at = sampled.observation_names if sampled else ()
        for name in looked_at:
            if name not in vectors and name not in cameras:
                raise TrainingError(f"the base policy looks at '{name}', which this robot does not give")
        self._action_size = spec.action.size
        self._pictures = {n: cameras[n] for n in dict.fromkeys((*chosen, *looked_at)) if n in cameras}
        self._raw = {n: vectors[n] for n in looked_at if n in vectors}
        self._executor = ChunkExecutor(played) if played is not None else None
        self._first_action = self._previous_action = first_action
        n_obs = sampled.n_obs if sampled else 1
        self.histories = {BASE + n: (BASE + n if n in self._raw else IMAGE + n, n_obs) for n in looked_at}
        """Fields of an observation that are the newest n values of a field of rows: its name and n."""
        self._own = {STATE, *(IMAGE + n for n in chosen if n in cameras), *([BASE_ACTION] if played else [])}
        self._own |= {PREVIOUS_ACTION} if first_action is not None else set()
        self._recent: deque[Row] = deque(maxlen=n_obs)
        self.needed = tuple(dict.fromkeys((*chosen, *(base.observation_names if base else ()))))
        """Every field and camera looked at."""

    @property
    def poses(self) -> dict[int, str]:
        """Where poses begin in STATE, and the frame that each is given in."""
        slices = self.layout.slices
        return {s.start: self.layout[n].frame for n, s in slices.items() if self.layout[n].kind == "pose"}

    @property
    def rows(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each field of a row."""
        out: dict[str, tuple[tuple[int, ...], str]] = {STATE: ((self.layout.size,), "float32")}
        out |= {IMAGE + n: ((*size, 3), "uint8") for n, size in self._pictures.items()}
        out |= {BASE + n: (f.shape, "float32") for n, f in self._raw.items()}
        actions = {BASE_ACTION: self._executor is not None, PREVIOUS_ACTION: self._first_action is not None}
        return out | {n: ((self._action_size,), "float32") for n, there in actions.items() if there}

    @property
    def fields(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each field of an observation, as the agent and the replay's batches have it."""
        rows = self.rows
        out = {n: rows[n] for n in rows if n in self._own}
        for name, (source, n) in self.histories.items():
            out[name] = ((n, *rows[source][0]), rows[source][1])
        return out

    def reset(self, seed: int | None) -> None:
        """A new episode."""
        self._recent.clear()
        self._previous_action = self._first_action
        if self._executor is not None:
            self._executor.reset(seed)

    def follow(self, executed: NDArray[np.float64]) -> None:
        """What the robot was really sent (A,) in the step of the newest row, whoever asked for it."""
        if self._first_action is not None:
            self._previous_action = executed

    def row(self, values: Values) -> Row | None:
        """The row of this step, the base's action included; None while the base is unavailable."""
        out: Row = {STATE: self.layout.pack(values).astype(np.float32)}
        out |= {IMAGE + n: np.array(values[n]) for n in self._pictures}
        out |= {BASE + n: np.asarray(values[n], np.float32) for n in self._raw}
        if self._executor is not None:
            action = self._executor.act(values)
            if action is None:
                return None
            out[BASE_ACTION] = action.astype(np.float32)
        if self._previous_action is not None:
            out[PREVIOUS_ACTION] = self._previous_action.astype(np.float32)
        self._recent.append(out)
        return out

    def observation(self, device: torch.device) -> dict[str, Tensor]:
        """What the agent sees of the newest row, (1, *shape) by field; the first row stands in for those before it."""
        newest, first = self._recent[-1], self._recent[0]
        out = {n: torch.from_numpy(v).to(device)[None] for n, v in newest.items() if n in self._own}
        for name, (source, n) in self.histories.items():
            steps = [first] * (n - len(self._recent)) + list(self._recent)
            out[name] = torch.from_numpy(np.stack([s[source] for s in steps])).to(device)[None]
        return out

    def interrupt(self) -> None:
        """The policy did not act in the step of the last row: the base's chunk is void."""
        if self._executor is not None:
            self._executor.interrupt()


def _check_same_action(spec: Spec, base: Policy) -> None:
    theirs = Spec("", spec.rate, Layout(), base.spec.action, base.spec.control_mode)
    mine = Spec("", spec.rate, Layout(), spec.action, spec.control_mode)
    if differences := mine.differences(theirs):
        raise TrainingError("the base policy has another action space: " + "; ".join(differences))
