"""MeanFlow over action chunks: one evaluation of the network from noise to chunk (Geng et al. 2025; as a policy: MP1).

Time runs as in the paper, from the chunk at 0 to noise at 1: z_t = (1 - t) x + t e, with velocity v = e - x. The
head learns the mean velocity u(z_t, r, t) over [r, t], which obeys u = v - (t - r) du/dt with
du/dt = v du/dz + du/dt along the path. A chunk is e - u(e, 0, 1). The network predicts z - t u (Lu et al. 2026,
"One-step Latent-free Image Generation with Pixel Mean Flows"), or u itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, initial_noise, masked_means
from robot_rl.policies.clean_chunk import Prediction, velocity_to
from robot_rl.policies.networks.denoiser import DenoiserConfig
from robot_rl.policies.networks.dispersive import with_dispersion

ADAPTIVE_FLOOR = 1e-3
"""Added to the squared error before it weighs itself (MP1)."""
TIME_FREQUENCY = 8.0
"""Highest frequency of the time embedding [rad]: the target holds a derivative by time, which a higher one blows up."""
STEP = 0.001
"""Half the difference of times [1] from which the derivative is taken. The central difference misses the forward-mode
derivative by about a ten-thousandth in single precision, for a third of its time: two evaluations, no gradients."""

MeanVelocity = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class MeanFlowConfig(DenoiserConfig):
    """A one-step head."""

    name: ClassVar[str] = "meanflow"

    prediction: Prediction = "sample"
    """What the network predicts: the `sample`, that is the chunk behind the noise, or the mean `velocity`."""
    flow_ratio: float = 0.5
    """Share of chunks trained with r = t, where the mean velocity is the velocity itself."""
    time_mean: float = 0.8
    time_deviation: float = 1.4
    """t and r are logistic functions of normal numbers with this mean and deviation; t is the larger. Chunks are made
    from pure noise, so training looks there more often than the paper's -0.4 and 1.0 do."""
    adaptive: float = 0.5
    """Power p of the weight 1 / (error + 1e-3)^p of each chunk's squared error; 0 is the plain square."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.flow_ratio <= 1:
            raise ValueError(f"meanflow head: flow_ratio is {self.flow_ratio}; it must lie in [0, 1]")
        for key in ("time_deviation", "adaptive"):
            if getattr(self, key) < 0:
                raise ValueError(f"meanflow head: {key} is {getattr(self, key)}; it must not be negative")

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> MeanFlowHead:
        return MeanFlowHead(self, action_size, horizon, context_size)


def draw_interval(n: int, config: MeanFlowConfig, generator: Generator | None, device: torch.device) -> Tensor:
    """n pairs t >= r, as (2, n) in (0, 1); in the first `flow_ratio` of them r = t."""
    normal = torch.randn(2, n, generator=generator, device=device)
    pair = (config.time_mean + config.time_deviation * normal).sigmoid().sort(dim=0, descending=True).values
    equal = round(config.flow_ratio * n)
    return torch.cat([pair[:1].expand(2, -1)[:, :equal], pair[:, equal:]], dim=1)


def target(network: MeanVelocity, z: Tensor, r: Tensor, t: Tensor, v: Tensor) -> Tensor:
    """What the network should say at (z, r, t): v - (t - r) du/dt, without gradient.

    Args:
        network: u(z, r, t); z and v (B, H, A), r and t (B,).
    """
    with torch.no_grad():
        ahead, behind = ((z + h * v, r, t + h) for h in (STEP, -STEP))
        change = (network(*ahead) - network(*behind)) / (2 * STEP)
        return v - (t - r)[:, None, None] * change


def adaptive_loss(error: Tensor, power: float) -> Tensor:
    """Mean of squared errors (B,), each weighed by 1 / (itself + 1e-3)^power without gradient."""
    return (error / (error.detach() + ADAPTIVE_FLOOR) ** power).mean()


class MeanFlowHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: MeanFlowConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.network = config.network(action_size, horizon, context_size, times=2, frequency=TIME_FREQUENCY)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Adaptively weighed squared error of the prediction over valid steps."""
        x = hold_last(chunk, mask)
        noise = draw_noise(x, generator)
        t, r = draw_interval(len(x), self.config, generator, x.device)
        z = (1 - t)[:, None, None] * x + t[:, None, None] * noise
        v = noise - x
        wanted = self._target(z, r, t, v, context)
        out, dispersion = with_dispersion(
            self.network, self.config.dispersive, z, torch.stack([t, t - r], dim=1), context
        )
        if self.config.prediction == "sample":
            wanted = z - t[:, None, None] * wanted
        return adaptive_loss(masked_means((out - wanted).square(), mask), self.config.adaptive) + dispersion

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """One evaluation, from `noise` or a draw of the generator; deterministic given noise."""
        e = initial_noise(noise, context, self.shape, generator)
        return e - self._mean_velocity(e, e.new_zeros(len(e)), e.new_ones(len(e)), context)

    def _target(self, z: Tensor, r: Tensor, t: Tensor, v: Tensor, context: Tensor) -> Tensor:
        """The derivative is asked for only where it counts: behind the first chunks, which have r = t. Differences
        want full precision."""
        i = round(self.config.flow_ratio * len(z))
        if i == len(z):
            return v

        def u(z: Tensor, r: Tensor, t: Tensor) -> Tensor:
            return self._mean_velocity(z, r, t, context[i:].float())

        with torch.autocast(z.device.type, enabled=False):
            return torch.cat([v[:i], target(u, z[i:], r[i:], t[i:], v[i:])])

    def _mean_velocity(self, z: Tensor, r: Tensor, t: Tensor, context: Tensor) -> Tensor:
        out: Tensor = self.network(z, torch.stack([t, t - r], dim=1), context)
        return -velocity_to(out, z, t) if self.config.prediction == "sample" else out
