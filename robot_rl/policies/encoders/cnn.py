"""The small convolutional backbone: quick on a CPU, trained from nothing."""

from __future__ import annotations

from torch import Tensor, nn

from robot_rl.policies.encoders.backbone import Backbone
from robot_rl.policies.encoders.config import GROUPS, EncoderConfig


class Cnn(Backbone):
    """Stride-2 convolutions. GroupNorm throughout: BatchNorm and EMA do not go together."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        layers: list[nn.Module] = []
        n_in = 3
        for n_out in config.channels:
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, n_out), nn.SiLU()]
            n_in = n_out
        self.layers = nn.Sequential(*layers)
        self.channels = n_in

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out
