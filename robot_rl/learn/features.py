"""A frozen backbone's features of a whole data set, computed once and kept beside the decoded pictures.

A file of features is named by the content of the pictures (so by data set and episode) and by everything that decides
the features: backbone, weights, preprocessing. Whatever changes, the old file is not found and a new one is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.sampling.cache import FrameCache, cache_folder, frames_key
from robot_rl.datasets.sampling.derived import Derived
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.encoders.backbone import described
from robot_rl.policies.encoders.images import ImageEncoder, MapExtractor
from robot_rl.spec import Layout

DTYPE = "float16"
METHOD = 1
"""Raised whenever the code that makes features of a picture makes others, so that old files are not found."""


def features(config: EncoderConfig, inputs: Layout, device: torch.device) -> dict[str, Derived]:
    """What training reads in place of each camera's pictures; empty unless the backbone is frozen and cached.

    Raises:
        BackboneError: the backbone or its weights cannot be had.
    """
    cameras = tuple(inputs.images)
    if not (config.caches_features and cameras):
        return {}
    encoder = ImageEncoder(cameras, described(config))
    encoder.load_pretrained()
    encoder = encoder.to(device).eval()
    out = {}
    for camera in cameras:
        extractor = encoder.extractor(camera.name)
        shape = encoder.map_shape(camera)
        out[camera.name] = Derived(identity(encoder.config, extractor), shape, DTYPE, _function(extractor, device))
    return out


def identity(config: EncoderConfig, extractor: MapExtractor) -> str:
    """A digest of all that decides the features of a picture."""
    preprocessing = asdict(extractor.preprocessing)
    settings = {"backbone": config.backbone, "stride": config.stride, "description": config.description}
    digest = hashlib.sha256(json.dumps([settings, preprocessing, DTYPE, METHOD], sort_keys=True).encode())
    for name, value in sorted(extractor.backbone.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def compute(episodes: Sequence[Episode], derived: Mapping[str, Derived], *, progress: bool = True) -> int:
    """Compute what is missing, with a progress bar; returns how many pictures that were.

    Raises:
        DatasetError: a picture cannot be decoded, or its features are not finite.
    """
    caches: dict[Path, FrameCache] = {}
    missing = []
    for episode in episodes:
        dataset = episode.folder.parents[1]
        cache = caches.setdefault(dataset, FrameCache(cache_folder(dataset)))
        for name, what in derived.items():
            frames, key = episode.stream(name).values, frames_key(episode.attributes, name)
            if key is not None and not cache.holds(frames, key, what):
                missing.append((cache, frames, key, what))
    total = sum(len(frames) for _, frames, *_ in missing)
    with tqdm(total=total, desc="features", unit="picture", disable=None if progress and total else True) as bar:
        for cache, frames, key, what in missing:
            cache.find(frames, key, replace(what, function=_counted(what, bar)))
    return total


def _function(extractor: MapExtractor, device: torch.device) -> Any:
    @torch.inference_mode()
    def function(pictures: NDArray[np.uint8]) -> NDArray[np.float16]:
        maps: torch.Tensor = extractor(extractor.pictures(torch.from_numpy(pictures).to(device)))
        return maps.half().cpu().numpy()

    return function


def _counted(what: Derived, bar: Any) -> Any:
    def function(pictures: NDArray[np.uint8]) -> NDArray[Any]:
        rows = what.function(pictures)
        bar.update(len(pictures))
        return rows

    return function
