"""robomimic's side of benchmarks/imitation.py: its BC-RNN with a mixture of Gaussians, trained and asked for actions.

Run by a Python that has robomimic 0.3. Sequences are those of its data set class (the last step of an episode
repeated), actions scaled to [-1, 1] as it wants them, observations as they are, network, optimiser and loss its own.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from pipe import as_input, picture, rows, serve

_OPERATORS = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):  # where torchvision's compiled part is missing, its Python still wants these two
    with contextlib.suppress(RuntimeError):
        _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from robomimic.algo import algo_factory  # noqa: E402
from robomimic.config import config_factory  # noqa: E402
from robomimic.models import obs_core  # noqa: E402
from robomimic.models.base_nets import ConvBase  # noqa: E402
from robomimic.utils import obs_utils  # noqa: E402

VECTORS = ("robot", "scene")
CROP = {"crop_height": 76, "crop_width": 76, "num_crops": 1, "pos_enc": False}


class SmallCnn(ConvBase):
    """Three convolutions of stride 2, in place of a ResNet-18."""

    def __init__(self, input_channel: int = 3) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        for n_in, n_out in itertools.pairwise((input_channel, 32, 64, 64)):
            layers += [torch.nn.Conv2d(n_in, n_out, 3, 2, 1), torch.nn.GroupNorm(8, n_out), torch.nn.SiLU()]
        self.nets = torch.nn.Sequential(*layers)

    def output_shape(self, input_shape: Any) -> list[int]:
        return [64, *(-(-int(side) // 8) for side in input_shape[1:])]


obs_core.SmallCnn = SmallCnn  # it looks its backbones up there, by name


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
            self.columns = {n: torch.from_numpy(file[n]) for n in file.files if n != "ends"}
        self.vectors = [n for n in self.columns if n in VECTORS]
        self.cameras = [n for n in self.columns if n not in (*VECTORS, "action")]
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

    def act(self, values: dict[str, Any]) -> list[float]:
        observation = {n: torch.tensor(values[n], dtype=torch.float32)[None] for n in self.vectors}
        for name in self.cameras:
            seen = picture(values[name], self.columns[name].shape[1:])
            observation[name] = as_input(torch.from_numpy(seen))[None]
        with torch.inference_mode():
            action = self.model.get_action(observation)[0]
        return [float(a) for a in (action + 1) / 2 * self.span + self.low]

    def _config(self, hidden: int, lr: float, horizon: int = 10) -> Any:
        config = config_factory("bc")
        with config.values_unlocked():
            config.observation.modalities.obs.low_dim = list(self.vectors)
            config.observation.modalities.obs.rgb = list(self.cameras)
            seen = config.observation.encoder.rgb
            seen.core_kwargs.backbone_class, seen.core_kwargs.feature_dimension = "SmallCnn", 64
            seen.obs_randomizer_class = "CropRandomizer"
            seen.obs_randomizer_kwargs.update(CROP)
            config.algo.rnn.enabled = config.algo.gmm.enabled = True
            config.algo.rnn.horizon = config.train.seq_length = horizon
            config.algo.rnn.hidden_dim = hidden
            config.algo.actor_layer_dims = ()
            config.algo.optim_params.policy.learning_rate.initial = lr
        obs_utils.initialize_obs_utils_with_config(config)
        return config

    def _make(self, config: Any, seed: int) -> Any:
        torch.manual_seed(seed)
        shapes = {n: list(self.columns[n].shape[1:]) for n in self.vectors}
        shapes |= {n: list(as_input(self.columns[n][0]).shape) for n in self.cameras}
        size = self.columns["action"].shape[1]
        model = algo_factory("bc", config, obs_key_shapes=shapes, ac_dim=size, device=torch.device("cpu"))
        model.set_train()
        return model

    def _update(self, model: Any, rng: np.random.Generator, batch: int) -> None:
        chosen = self.windows[rng.integers(len(self.windows), size=batch)]
        seen = {n: self.columns[n][chosen] for n in self.vectors}
        seen |= {n: as_input(self.columns[n][chosen]) for n in self.cameras}
        sample = {"obs": seen, "actions": self.columns["action"][chosen]}
        model.train_on_batch(model.process_batch_for_training(sample), epoch=0)


if __name__ == "__main__":
    serve(Peer())
