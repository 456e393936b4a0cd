"""What a camera picture costs: uint8 pixels to features on one core, for every backbone at 84 and at 128 pixels.

CPU milliseconds of one thread a picture, from bytes to pooled features, one picture at a time as a robot asks for
them: the median over repetitions that alternate between the backbones. The peer is timm's network of the same shape
behind the same preprocessing.

    python benchmarks/encoders.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from support.results import Row, median, save, versions

from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.encoders.backbone import described
from robot_rl.policies.encoders.images import ImageEncoder
from robot_rl.spec import Field

SIDES = (84, 128)
REPETITIONS, PICTURES = 15, 8
OURS = {
    "cnn": EncoderConfig(),
    "resnet18": EncoderConfig(backbone="resnet18"),
    "vit": EncoderConfig(backbone="vit"),
    "efficientnet_lite0": EncoderConfig(backbone="efficientnet_lite0", pretrained=False),
    "efficientnet_lite0, stride 16": EncoderConfig(backbone="efficientnet_lite0", pretrained=False, stride=16),
}
PEERS = {"resnet18": "timm:resnet18", "efficientnet_lite0": "timm:tf_efficientnet_lite0"}


def encoder(config: EncoderConfig, side: int) -> Callable[[], object]:
    """One picture through a new encoder."""
    options = {**vars(config), "image_size": side, "description": {}}
    camera = Field("front", (side, side, 3), kind="image", dtype="uint8")
    network = ImageEncoder((camera,), described(EncoderConfig(**options))).eval()
    picture = torch.randint(0, 256, (1, 1, side, side, 3), dtype=torch.uint8)

    @torch.inference_mode()
    def see() -> object:
        return network({"front": picture})

    return see


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    made = {}
    for side in SIDES:
        for name, config in OURS.items():
            made[name, side, "ours"] = encoder(config, side)
            if name in PEERS:
                made[name, side, "peer"] = encoder(EncoderConfig(backbone=PEERS[name], pretrained=False), side)
    took: dict[tuple[str, int, str], list[float]] = {key: [] for key in made}
    for _ in range(REPETITIONS + 1):
        for key, see in made.items():
            begun = time.process_time()
            for _ in range(PICTURES):
                see()
            took[key].append(1e3 * (time.process_time() - begun) / PICTURES)
    rows = []
    for name, side, who in made:
        if who == "peer":
            continue
        ours, peer = took[name, side, "ours"][1:], took.get((name, side, "peer"), [])[1:]
        ratio = median([p / o for p, o in zip(peer, ours)]) if peer else None
        note = f"peer: {PEERS[name]}" if peer else ""
        if name == "efficientnet_lite0":
            note += ", whose features end before the last convolution, from 320 to 1280 maps"
        rows.append(
            Row(f"{name}, {side} px", median(ours), median(peer) if peer else None, ratio, "CPU ms a picture", "", note)
        )
    what = "one camera picture to features on one core"
    save("encoders", what, rows, versions=versions(["robot_rl", "torch", "timm"]))


if __name__ == "__main__":
    main()
