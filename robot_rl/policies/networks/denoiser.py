"""What every denoiser of action chunks does, and the options that choose one: MLP, U-Net or transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from robot_rl.policies.options import require_at_least

Backbone = Literal["mlp", "unet", "transformer"]


class Denoiser(Protocol):
    """A torch module from a chunk x (B, H, A), times t (B,) or (B, K) and a context (B, C) to a chunk's shape."""

    def __call__(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """The network's output (B, H, A)."""
        ...

    def with_features(self, x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """The output, and hidden features (B, F) from the middle of the network."""
        ...


@dataclass(frozen=True)
class DenoiserConfig:
    """The network inside a head; a head's own options come on top."""

    backbone: Backbone = "mlp"
    """`mlp`: residual layers over the flattened chunk; `unet`: convolutions along time; `transformer`: a token
    an action."""
    width: int = 256
    """Units of a hidden layer (mlp), or size of a token (transformer)."""
    depth: int = 3
    """Layers (mlp: the first takes the chunk, the others are residual and modulated; transformer: blocks)."""
    condition: int = 64
    """Size of the vector made of time and context that modulates each layer."""
    dims: tuple[int, ...] = (128, 256, 512)
    """Channels of the U-Net, one a level; every level but the last halves the horizon."""
    kernel: int = 5
    """Taps of the U-Net's convolutions; odd."""
    attention_heads: int = 4
    """Of each transformer block; they divide `width`."""
    dispersive: float = 0.0
    """Weight of the dispersive loss on hidden features, which pushes those of different samples apart (Wang & He
    2025; MP1 takes 0.5). It costs nothing at run time."""

    def __post_init__(self) -> None:
        self._at_least_one("width", "depth", "condition", "kernel", "attention_heads")
        if self.dispersive < 0:
            raise ValueError(f"{self._label} head: dispersive is {self.dispersive}; it must not be negative")

    @property
    def _label(self) -> str:
        return str(getattr(type(self), "name", "denoiser"))

    def _at_least_one(self, *names: str) -> None:
        require_at_least(1, self, names, where=f"{self._label} head: ")

    def network(
        self, action_size: int, horizon: int, context_size: int, times: int = 1, frequency: float = 256.0
    ) -> Any:
        """A new Denoiser with fresh weights.

        Args:
            times: how many times it is told of each chunk.
            frequency: highest angular frequency of their embedding [rad]; low where derivatives with respect to
                time are learnt from.

        Raises:
            ValueError: the chosen network does not fit the horizon.
        """
        sizes = (action_size, horizon, context_size, times, frequency)
        if self.backbone == "mlp":
            from robot_rl.policies.networks.residual_mlp import ResidualMlp

            return ResidualMlp(self.width, self.depth, self.condition, *sizes)
        if self.backbone == "unet":
            from robot_rl.policies.networks.unet import Unet

            return Unet(self.dims, self.kernel, self.condition, *sizes)
        if self.backbone == "transformer":
            from robot_rl.policies.networks.transformer import Transformer

            return Transformer(self.width, self.depth, self.attention_heads, self.condition, *sizes)
        raise ValueError(f"backbone '{self.backbone}' is none of mlp, unet, transformer")
