"""Copy a data set from a folder to an object store, or back, byte by byte.

Copying to a store that holds an earlier copy sends only the episodes that are not there; so does running it
again after an interruption. Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and
AWS_ENDPOINT_URL for S3-compatible servers other than Amazon's.

Examples:
  robot-rl copy datasets/lift s3://my-bucket/lift
  robot-rl copy s3://my-bucket/lift datasets/lift
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.names import UsageError, dataset_path, existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.store.urls import store_url


@dataclass(frozen=True)
class Options:
    """From where to where; exactly one of them is an address like s3://bucket/name."""

    source: Positional[str]
    """Data set to copy."""
    target: Positional[str]
    """Where to."""


def run(options: Options) -> int:
    from robot_rl.datasets.cloud.copy import pull, push
    from robot_rl.datasets.cloud.dataset import RemoteDataset

    origin, destination = store_url(options.source), store_url(options.target)
    if (origin is None) == (destination is None):
        raise UsageError("give one folder and one address such as s3://bucket/name; between folders use `cp -r`")
    if destination is not None:
        with Dataset.open(existing_dataset(options.source)) as dataset:
            count = push(dataset, destination)
            print(f"{destination}: {count} episodes sent, {len(dataset) - count} were there already")
    elif origin is not None:
        source = RemoteDataset(origin, "r")
        print(f"{options.target}: {pull(source, dataset_path(options.target))} episodes copied")
    return 0
