"""A peer that learns in a process of its own, and plays in our simulation step by step over a pipe."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.sampling.selection import rule
from robot_rl.policies.encoders import EncoderConfig, ObservationEncoder
from robot_rl.policies.execution import ExecutionCounts
from robot_rl.policies.normalization import Statistics
from robot_rl.policies.policy import Policy
from robot_rl.spec import Layout, Spec
from support.imitation_kinds import SIDE

PEERS = Path(__file__).parents[1] / "peers"


class Learner:
    """The script `peers/<script>` under the Python at `python`; an Executor once it has been trained.

    Args:
        robot, scene: the fields that the peer gets as the robot's own state and as that of the scene.
        cameras: whose pictures it gets, RGB of SIDE x SIDE.
    """

    policy: Policy

    def __init__(
        self,
        python: str,
        script: str,
        robot: Sequence[str],
        scene: Sequence[str],
        spec: Spec,
        cameras: Sequence[str] = (),
    ) -> None:
        self.robot, self.scene, self.spec, self.cameras = tuple(robot), tuple(scene), spec, tuple(cameras)
        self.counts = ExecutionCounts()
        fields = tuple(spec.observation[n] for n in (*self.robot, *self.scene))
        self._encoder = ObservationEncoder(Layout(fields), 1, EncoderConfig())
        """For what our own policies make of observations before their first layer; it is not trained."""
        self._process = subprocess.Popen(
            [python, PEERS / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """The result of one command. Raises RuntimeError when the peer failed; it has said why."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the peer's process has no pipe")
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the peer failed at '{do}'; see its message above")
        return json.loads(line)

    def write(self, dataset: Path, file: Path, select: str = "rac") -> None:
        """The episodes that our own recipes learn from, as arrays: robot (N, R), scene (N, S), action (N, A), pictures
        of each camera (N, SIDE, SIDE, 3), and where each of them ends. Observations are what our encoders make of them,
        here and while it plays."""
        seen: list[dict[str, NDArray[Any]]] = []
        actions = []
        pictures: dict[str, list[NDArray[np.uint8]]] = {n: [] for n in self.cameras}
        chosen = rule(select)
        for episode in Dataset.open(dataset).episodes():
            mask = chosen(episode)
            if not mask.any():
                continue
            if not mask.all():
                raise RuntimeError(f"{episode}: '{select}' takes a part; a peer learns from whole episodes")
            seen.append(episode.aligned((*self.robot, *self.scene)))
            actions.append(episode.steps["executed"])
            for name, taken in episode.aligned(self.cameras).items():
                pictures[name] += [resized(p) for p in taken]
        values = {n: np.concatenate([v[n] for v in seen]) for n in (*self.robot, *self.scene)}
        self._encoder.fit({n: Statistics.of(rows) for n, rows in values.items()})
        arrays = self._groups(values) | {"action": np.concatenate(actions)}
        ends = np.cumsum([len(a) for a in actions])
        given = {n: a.astype(np.float32) for n, a in arrays.items()} | {n: np.stack(p) for n, p in pictures.items()}
        np.savez(file, ends=ends, **given)  # type: ignore[arg-type]

    def reset(self, seed: int | None = None) -> None:
        self.ask("reset", seed=seed or 0)

    def act(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
        seen: dict[str, Any] = {n: v.tolist() for n, v in self._groups(values).items()}
        seen |= {n: base64.b64encode(resized(values[n]).tobytes()).decode() for n in self.cameras}
        action = np.array(self.ask("act", values=seen))
        return np.clip(action, self.spec.action.low, self.spec.action.high)

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        raise RuntimeError("somebody else acts: a peer plays alone")

    def interrupt(self) -> None:
        raise RuntimeError("somebody else acted: a peer plays alone")

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)

    def _groups(self, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Fields as our own encoders see them, each pose as position and two columns of the rotation, scaled to the
        range of the demonstrations; how poses lie from each other belongs to the scene."""
        given = {n: torch.from_numpy(np.asarray(values[n], np.float32)) for n in (*self.robot, *self.scene)}
        seen = {n: self._encoder.vectors[n](v) for n, v in given.items()}
        pairs = zip(self._encoder.pairs, self._encoder.differences, strict=True)
        between = [difference(given[a], given[b]) for (a, b), difference in pairs]
        groups = {"robot": [seen[n] for n in self.robot], "scene": [*(seen[n] for n in self.scene), *between]}
        return {g: torch.cat(parts, dim=-1).numpy() for g, parts in groups.items() if parts}


def resized(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """To SIDE x SIDE, each pixel the mean of those it covers."""
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)
