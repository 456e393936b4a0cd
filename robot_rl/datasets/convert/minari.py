"""Minari (https://minari.farama.org), HDF5 behind gymnasium spaces.

Observations are a `Dict` space of T + 1 rows, actions a `Box`; what else a step holds stands under
`infos/robot_rl`, and what is said of the data set and its episodes in `metadata.json` under `robot_rl`.
Minari stores pictures of 32 x 32 and more as JPEG unless told not to; here it is told not to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.convert.columns import as_rows, field_name, vector_field
from robot_rl.datasets.convert.description import KEY, Description, foreign
from robot_rl.datasets.convert.losses import Holds, losses
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rows import Rows, kept_attributes, record, to_rows
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.spec import Field, Layout

SINGLE = "observation"
"""Our name of an observation that is no `Dict`."""
INFO = "info."
"""Prefix of our fields that are Minari's `infos`."""
_STEPS = {"rewards": "reward", "terminations": "terminated", "truncations": "truncated"}


def write(dataset: Dataset, target: Path, options: ConvertOptions) -> Report:
    """One Minari data set of format `hdf5` in the folder `target`."""
    import minari
    from minari.data_collector.episode_buffer import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    chosen = [dataset.episode(n) for n in options.episodes or dataset.numbers]
    observation_space, action_space = _spaces(dataset)
    target.mkdir(parents=True)
    storage = MinariStorage.new(target, observation_space, action_space, data_format="hdf5", jpeg_encoding=False)
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in dataset.path.name)
    storage.update_metadata(
        {
            "dataset_id": f"robot_rl/{name}-v0",
            "minari_version": minari.__version__,
            KEY: {
                "description": Description.of(dataset).to_json(),
                "episodes": [kept_attributes(e) | {"end": e.end} for e in chosen],
            },
        }
    )
    for episode in chosen:
        rows = to_rows(episode, final=True)
        values = {n: np.stack([np.asarray(v) for v in column]) for n, column in rows.values.items()}
        own = {n: c for n, c in rows.steps.items() if n not in ("executed", *_STEPS.values())}
        infos: dict[str, Any] = {KEY: {"steps": own, "stamps": dict(rows.stamps)}}
        scalars = dataset.attributes.get("minari", {}).get("scalar_infos", ())
        shown = {n: v[:, 0] if n in scalars else v for n, v in values.items() if n.startswith(INFO)}
        infos |= {n.removeprefix(INFO): v for n, v in shown.items()}
        observations = {n: v for n, v in values.items() if not n.startswith(INFO)}
        action = rows.steps["executed"]
        buffer = EpisodeBuffer(
            observations=_as_space(observations, observation_space),
            actions=action.astype(action_space.dtype).reshape(len(action), *action_space.shape),
            infos=infos,
            **{theirs: rows.steps[ours] for theirs, ours in _STEPS.items()},
        )
        storage.update_episodes([buffer])
    return Report(len(chosen), sum(len(e) for e in chosen), tuple(losses(chosen, Holds(final_observation=True))))


def _spaces(dataset: Dataset) -> tuple[Any, Any]:
    """Observation and action space; those of Minari where the data set came from there."""
    import gymnasium
    from minari.serialization import deserialize_space

    if "minari" in dataset.attributes:
        known = dataset.attributes["minari"]
        return deserialize_space(known["observation_space"]), deserialize_space(known["action_space"])
    shown = {n: f for n, f in dataset.fields.items() if not n.startswith(INFO)}
    return gymnasium.spaces.Dict({n: _box(f) for n, f in shown.items()}), _flat_box(dataset.spec.action)


def _box(field: Field) -> Any:
    import gymnasium

    if field.is_image or np.dtype(field.dtype).kind in "iu":
        whole = np.iinfo(field.dtype)
        return gymnasium.spaces.Box(whole.min, whole.max, field.shape, np.dtype(field.dtype).type)
    return gymnasium.spaces.Box(-np.inf, np.inf, field.shape, np.dtype(field.dtype).type)


def _flat_box(layout: Layout) -> Any:
    """Commands may exceed the bounds of the spec (the envelope has the last word), so only the size is stated."""
    import gymnasium

    return gymnasium.spaces.Box(-np.inf, np.inf, (layout.size,), np.float64)


def _as_space(values: Mapping[str, NDArray[Any]], space: Any, prefix: str = "") -> Any:
    """Named arrays in the nesting of the space."""
    if hasattr(space, "spaces"):
        return {key: _as_space(values, part, f"{prefix}{key}.") for key, part in space.spaces.items()}
    array = values[field_name(prefix.rstrip(".") or SINGLE)]
    return array.astype(space.dtype).reshape(len(array), *space.shape)


def read(source: Path, target: str | Path, options: ConvertOptions) -> Report:
    """A data set of a folder that Minari wrote (the one that holds `data/` or `metadata.json`)."""
    from minari import MinariDataset

    folder = source / "data" if (source / "data/metadata.json").is_file() else source
    try:
        theirs = MinariDataset(folder)
    except (ValueError, KeyError, OSError) as error:
        raise DatasetError(f"{source} is not a Minari data set that this Minari reads: {error}") from None
    if not len(theirs):
        raise DatasetError(f"{source} holds no episode")
    metadata: dict[str, Any] = theirs.storage.metadata
    own = metadata.get(KEY)
    lost: set[str] = set()
    first = _values(theirs[0], lost)
    description = Description.from_json(own["description"], str(source)) if own else _foreign(theirs, first, options)
    steps = 0
    seeds = [m.get("seed") for m in theirs.storage.get_episode_metadata(theirs.episode_indices)]
    with description.create(target) as dataset:
        for number, episode in enumerate(theirs.iterate_episodes()):
            attributes = own["episodes"][number] if own else _attributes(episode, seeds[number], options)
            record(dataset, _rows(episode, dict(attributes), lost))
            steps += len(episode)
        return Report(len(dataset), steps, tuple(sorted(lost)))


def _foreign(theirs: Any, values: Mapping[str, NDArray[Any]], options: ConvertOptions) -> Description:
    from minari.serialization import serialize_space

    fields, cameras = {}, {}
    for name, column in values.items():
        shape = column.shape[1:]
        if column.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3:
            cameras[name] = (shape[0], shape[1])
        else:
            fields[name] = vector_field(name, shape, str(column.dtype))
    action = vector_field("action", (int(np.prod(np.shape(theirs[0].actions)[1:], dtype=int)),), "float64")
    spaces = {"observation_space": theirs.observation_space, "action_space": theirs.action_space}
    kept: dict[str, Any] = {key: serialize_space(space) for key, space in spaces.items()}
    infos = dict(_flat(theirs[0].infos or {}, INFO, rows=False))
    kept["scalar_infos"] = sorted(n for n in values if n in infos and infos[n].ndim == 1)
    robot = theirs.env_spec.id if theirs.env_spec and options.robot == "unknown" else options.robot
    return foreign(robot, options.rate, fields, action, cameras, options.codec, minari=kept, converted="minari")


def _attributes(episode: Any, seed: int | None, options: ConvertOptions) -> dict[str, Any]:
    return {"instruction": options.instruction, "seed": seed, "success": None}


def _rows(episode: Any, attributes: dict[str, Any], lost: set[str]) -> Rows:
    length = len(episode)
    steps = {"executed": np.asarray(episode.actions, np.float64).reshape(length, -1)}
    steps |= {ours: np.asarray(getattr(episode, theirs)) for theirs, ours in _STEPS.items()}
    own = (episode.infos or {}).get(KEY, {})
    steps |= {name: np.asarray(column) for name, column in own.get("steps", {}).items()}
    stamps = {name: np.asarray(column) for name, column in own.get("stamps", {}).items()}
    return Rows(steps, _values(episode, lost), stamps, attributes.pop("end", None), attributes)


def _values(episode: Any, lost: set[str]) -> dict[str, NDArray[Any]]:
    """Observations and those infos that are numbers at every step, by our names."""
    out = dict(_flat(episode.observations, ""))
    for name, column in _flat({k: v for k, v in (episode.infos or {}).items() if k != KEY}, INFO):
        if column.dtype.kind in "fiub" and column.ndim and len(column) == len(episode) + 1:
            out[name] = column
        else:
            lost.add(f"infos/{name.removeprefix(INFO)}: not a number at every step")
    return out


def _flat(values: Any, prefix: str, *, rows: bool = True) -> list[tuple[str, NDArray[Any]]]:
    """Every array in nested mappings with its path, joined by points; with `rows` a scalar is a row of one."""
    if isinstance(values, Mapping):
        return [pair for key, part in values.items() for pair in _flat(part, f"{prefix}{key}.", rows=rows)]
    if isinstance(values, tuple):
        raise DatasetError("the observation is a Tuple space, which robot_rl has no names for; make it a Dict first")
    array = np.asarray(values)
    return [(field_name(prefix.rstrip(".") or SINGLE), as_rows(array) if rows else array)]
