"""Flows whose network predicts the sample: the clean chunk, from which the velocity follows.

On the straight path from noise to a chunk, x_s = (1 - s) chunk + s noise with share s of noise, the velocity to the
chunk is (chunk - x_s) / s. A network that predicts the chunk need not pass the noise through to its output: chunks lie
near few directions, noise fills all of them (Li & He 2025, "Back to Basics: Let Denoising Generative Models Denoise";
for mean velocities Lu et al. 2026, "One-step Latent-free Image Generation with Pixel Mean Flows"). Both papers learn
from the error of the velocity, which weighs the error of the chunk by 1 / s^2: chunks that hardly need denoising have
most of the weight, and what the context says is learnt late. Here the error of the chunk itself is learnt from.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Prediction = Literal["sample", "velocity"]
LEAST_NOISE = 0.01
"""Least share of noise that is divided by; at none the velocity cannot be told."""


def wanted(prediction: Prediction, chunk: Tensor, velocity: Tensor) -> Tensor:
    """What the network learns of the two, either of shape (B, ...)."""
    return chunk if prediction == "sample" else velocity


def velocity_of(prediction: Prediction, out: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """The velocity (B, ...) at x (B, ...) and time t (B,), 0 for noise and 1 for chunks, from the network's output."""
    return velocity_to(out, x, 1 - t) if prediction == "sample" else out


def velocity_to(chunk: Tensor, x: Tensor, noise: Tensor) -> Tensor:
    """The velocity (B, ...) that takes x (B, ...), whose shares of noise are `noise` (B,) in [0, 1], to its chunk."""
    return (chunk - x) / noise.clamp_min(LEAST_NOISE).reshape(-1, *[1] * (x.ndim - 1))
