"""Lets timm and transformers be imported where torchvision's compiled operators do not fit the installed torch.

Both packages import torchvision, for transforms that are not used here. The wheel on PyPI is built for CUDA, and beside
a CPU build of torch its import fails, because it describes operators that its library could not register. Declaring
those operators is enough for the import; calling one (nothing here does) still fails with torch's own message.
"""

from __future__ import annotations

import importlib.util
import sys

import torch

DECLARED = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def make_importable() -> None:
    """Import torchvision, declaring the operators it lacks. Nothing happens where it is not installed.

    Raises:
        RuntimeError: it cannot be imported for another reason.
    """
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in DECLARED:
            if not hasattr(torch.ops.torchvision, name):
                torch.library.define(f"torchvision::{name}", SIGNATURE)
        importlib.import_module("torchvision")
