"""LeRobot's side of benchmarks/imitation.py: its diffusion and ACT policies, trained and asked for actions.

Run by a Python that has lerobot 0.4.4. Windows are those of its data set class (offsets within an episode, the first
or last step repeated), normalisation that of its processors, optimiser, clipping and schedule those of its presets.
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

import torchvision  # noqa: E402
from lerobot.configs.types import FeatureType, NormalizationMode, PolicyFeature  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.act.modeling_act import ACTPolicy  # noqa: E402
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig  # noqa: E402
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy  # noqa: E402
from lerobot.policies.factory import make_pre_post_processors  # noqa: E402

KEYS = {"robot": "observation.state", "scene": "observation.environment_state", "action": "action"}
PICTURES = "observation.images."
CONFIGS: dict[str, Any] = {"diffusion": (DiffusionConfig, DiffusionPolicy), "act": (ACTConfig, ACTPolicy)}


class SmallCnn(torch.nn.Module):
    """Three convolutions of stride 2 with the names that LeRobot looks for in a ResNet."""

    def __init__(self, **_: Any) -> None:
        super().__init__()
        sizes = (3, 32, 64, 64)
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            layers = (torch.nn.Conv2d(n_in, n_out, 3, 2, 1), torch.nn.GroupNorm(8, n_out), torch.nn.SiLU())
            self.add_module(f"layer{i + 2}", torch.nn.Sequential(*layers))
        self.avgpool, self.fc = torch.nn.Identity(), torch.nn.Linear(sizes[-1], 1)


torchvision.models.resnet_small = SmallCnn


class Peer:
    def __init__(self) -> None:
        torch.set_num_threads(1)

    def versions(self) -> dict[str, str]:
        return {n: version(n) for n in ("lerobot", "torch")}

    def train(
        self, data: str, kind: str, options: dict[str, Any], batch: int, budget: float, seed: int
    ) -> dict[str, Any]:
        """Train for `budget` CPU seconds, the schedule laid out for the steps that fit into them."""
        with np.load(data) as file:
            self.ends = file["ends"]
            names = {n: KEYS.get(n, PICTURES + n) for n in file.files if n != "ends"}
            self.columns = {key: torch.from_numpy(file[n]) for n, key in names.items()}
        vectors = {n: v for n, v in self.columns.items() if not n.startswith(PICTURES)}
        statistics = {
            n: {"min": v.amin(0), "max": v.amax(0), "mean": v.mean(0), "std": v.std(0)} for n, v in vectors.items()
        }
        self.cameras = [n for n in self.columns if n.startswith(PICTURES)]
        for name in self.cameras:
            shown = self.columns[name].reshape(-1, 3).float() / 255
            statistics[name] = {"mean": shown.mean(0)[:, None, None], "std": shown.std(0)[:, None, None]}
        kinds = {KEYS["robot"]: FeatureType.STATE, KEYS["scene"]: FeatureType.ENV}
        features = {n: PolicyFeature(kinds[n], tuple(v.shape[1:])) for n, v in vectors.items() if n in kinds}
        for name in self.cameras:
            height, width, channels = self.columns[name].shape[1:]
            features[name] = PolicyFeature(FeatureType.VISUAL, (channels, height, width))
        action = {"action": PolicyFeature(FeatureType.ACTION, tuple(self.columns["action"].shape[1:]))}
        configuration, policy = CONFIGS[kind]
        config = configuration(input_features=features, output_features=action, device="cpu", **options)
        # its own maps leave ENV as it is, in metres; observations arrive scaled
        config.normalization_mapping |= dict.fromkeys(("STATE", "ENV"), NormalizationMode.IDENTITY)
        self.before, self.after = make_pre_post_processors(config, dataset_stats=statistics)
        self._offsets(config)
        torch.manual_seed(seed)
        self.policy = policy(config)
        trial = self._updates(policy(config), config, batch, 10_000, seed)
        for _ in range(3):
            next(trial)
        begun, done = time.process_time(), 0
        while time.process_time() - begun < 2.0 or done < 3:
            next(trial)
            done += 1
        steps = max(round(budget * done / (time.process_time() - begun)), 10)
        begun = time.process_time()
        for _ in self._updates(self.policy, config, batch, steps, seed):
            pass
        used = time.process_time() - begun
        self.policy.eval()
        return {"steps": steps, "cpu_s": used, "parameters": sum(p.numel() for p in self.policy.parameters())}

    def reset(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.policy.reset()

    def act(self, values: dict[str, Any]) -> list[float]:
        observation = {KEYS[n]: torch.tensor(v, dtype=torch.float32) for n, v in values.items() if n in KEYS}
        for name in self.cameras:
            seen = picture(values[name.removeprefix(PICTURES)], self.columns[name].shape[1:])
            observation[name] = as_input(torch.from_numpy(seen))
        with torch.inference_mode():
            action = self.after(self.policy.select_action(self.before(observation)))
        return [float(a) for a in action[0]]

    def _offsets(self, config: Any) -> None:
        """Rows of the observations and actions of each sample, as the configuration asks for them."""
        seen = config.observation_delta_indices
        self.seen = rows(self.ends, seen)[0] if seen else np.arange(self.ends[-1])
        self.done, self.padded = rows(self.ends, config.action_delta_indices)
        left = np.repeat(self.ends, np.diff(self.ends, prepend=0)) - np.arange(self.ends[-1])
        self.samples = np.flatnonzero(left > getattr(config, "drop_n_last_frames", 0))

    def _updates(self, policy: Any, config: Any, batch: int, steps: int, seed: int) -> Any:
        """One update of a policy after another, as LeRobot's training script makes them."""
        preset = config.get_optimizer_preset()
        optimizer = preset.build(policy.get_optim_params())
        schedule = config.get_scheduler_preset()
        if schedule is not None:
            schedule.num_warmup_steps = min(schedule.num_warmup_steps, steps // 10)
            schedule = schedule.build(optimizer, steps)
        rng = np.random.default_rng(seed)
        policy.train()
        for _ in range(steps):
            chosen = rng.choice(self.samples, batch, replace=len(self.samples) < batch)
            sample = {n: v[self.seen[chosen]] for n, v in self.columns.items() if n != "action"}
            sample |= {n: as_input(sample[n]) for n in self.cameras}
            sample |= {"action": self.columns["action"][self.done[chosen]]}
            sample = self.before(sample) | {"action_is_pad": torch.from_numpy(self.padded[chosen])}
            loss, _ = policy.forward(sample)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), preset.grad_clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            if schedule is not None:
                schedule.step()
            yield


if __name__ == "__main__":
    serve(Peer())
