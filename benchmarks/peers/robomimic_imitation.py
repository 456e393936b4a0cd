"""robomimic's side of benchmarks/imitation.py: its BC-RNN with a mixture of Gaussians, trained and asked for actions.

Run by a Python that has robomimic 0.3. Sequences are those of its data set class (the last step of an episode
repeated), actions scaled to [-1, 1] as it wants them, observations as they are, network, optimiser and loss its own.
"""

from __future__ import annotations

import contextlib
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from pipe import rows, serve

_OPERATORS = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):  # where torchvision's compiled part is missing, its Python still wants these two
    with contextlib.suppress(RuntimeError):
        _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from robomimic.algo import algo_factory  # noqa: E402
from robomimic.config import config_factory  # noqa: E402
from robomimic.utils import obs_utils  # noqa: E402

KEYS = ("robot", "scene")


class Peer:
    def __init__(self) -> None:
        torch.set_num_threads(1)

    def versions(self) -> dict[str, str]:
        return {n: version(n) for n in ("robomimic", "torch")}

    def train(
        self, data: str, kind: str, options: dict[str, Any], batch: int, budget: float, seed: int
    ) -> dict[str, Any]:
        """Train for `budget` CPU seconds."""
        if kind != "bc_rnn":
            raise ValueError(f"kind '{kind}' is not bc_rnn")
        with np.load(data) as file:
            self.ends = file["ends"]
            self.columns = {n: torch.from_numpy(file[n]) for n in (*KEYS, "action")}
        action = self.columns["action"]
        self.low, self.high = action.amin(0), action.amax(0)
        self.span = (self.high - self.low).clamp_min(1e-6)
        self.columns["action"] = 2 * (action - self.low) / self.span - 1
        config = self._config(**options)
        self.windows = rows(self.ends, list(range(config.algo.rnn.horizon)))[0]
        self.model, rng = self._make(config, seed), np.random.default_rng(seed)
        begun, steps = time.process_time(), 0
        while time.process_time() - begun < budget:  # its learning rate has no schedule, so steps need not be known
            self._update(self.model, rng, batch)
            steps += 1
        used = time.process_time() - begun
        self.model.set_eval()
        return {"steps": steps, "cpu_s": used, "parameters": sum(p.numel() for p in self.model.nets.parameters())}

    def reset(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.model.reset()

    def act(self, values: dict[str, list[float]]) -> list[float]:
        observation = {n: torch.tensor(values[n], dtype=torch.float32)[None] for n in KEYS}
        with torch.inference_mode():
            action = self.model.get_action(observation)[0]
        return [float(a) for a in (action + 1) / 2 * self.span + self.low]

    def _config(self, hidden: int, lr: float, horizon: int = 10) -> Any:
        config = config_factory("bc")
        with config.values_unlocked():
            config.observation.modalities.obs.low_dim = list(KEYS)
            config.algo.rnn.enabled = config.algo.gmm.enabled = True
            config.algo.rnn.horizon = config.train.seq_length = horizon
            config.algo.rnn.hidden_dim = hidden
            config.algo.actor_layer_dims = ()
            config.algo.optim_params.policy.learning_rate.initial = lr
        obs_utils.initialize_obs_utils_with_config(config)
        return config

    def _make(self, config: Any, seed: int) -> Any:
        torch.manual_seed(seed)
        shapes = {n: list(self.columns[n].shape[1:]) for n in KEYS}
        size = self.columns["action"].shape[1]
        model = algo_factory("bc", config, obs_key_shapes=shapes, ac_dim=size, device=torch.device("cpu"))
        model.set_train()
        return model

    def _update(self, model: Any, rng: np.random.Generator, batch: int) -> None:
        chosen = self.windows[rng.integers(len(self.windows), size=batch)]
        sample = {"obs": {n: self.columns[n][chosen] for n in KEYS}, "actions": self.columns["action"][chosen]}
        model.train_on_batch(model.process_batch_for_training(sample), epoch=0)


if __name__ == "__main__":
    serve(Peer())
