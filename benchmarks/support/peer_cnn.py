"""The convolutions of LeRobot's SAC encoder as a backbone here, so that both sides compute the same network."""

from __future__ import annotations

from torch import Tensor, nn

from robot_rl.policies.encoders import config
from robot_rl.policies.encoders.backbone import Backbone, Preprocessing
from robot_rl.policies.encoders.config import EncoderConfig

KERNELS, CHANNELS = (7, 5, 3, 3), 32


class PeerCnn(Backbone):
    """Four convolutions of stride 2, without padding or normalisation: pictures in [0, 1] to 32 maps."""

    preprocessing = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        layers: list[nn.Module] = []
        for i, kernel in enumerate(KERNELS):
            layers += [nn.Conv2d(CHANNELS if i else 3, CHANNELS, kernel, stride=2), nn.ReLU(inplace=True)]
        self.layers, self.channels = nn.Sequential(*layers), CHANNELS

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


def register() -> None:
    """Make `backbone: peer` known, and let it be frozen with the random weights it has: its speed is what counts."""
    config.BACKBONES["peer"] = f"{__name__}:PeerCnn"
    config.PRETRAINED = (*config.PRETRAINED, "peer")
