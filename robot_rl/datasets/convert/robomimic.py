"""robomimic's HDF5 (https://robomimic.github.io/docs/datasets/overview.html): `data/demo_i`, `mask/<name>`.

    data                    attributes: total, env_args (JSON)
    data/demo_0             attributes: num_samples
    data/demo_0/actions     (T, A); rewards, dones (T,); states (T, S) where the simulator's state is known
    data/demo_0/obs/<key>   (T, ...); next_obs/<key> the same one step later
    mask/train, mask/valid  names of demonstrations

What it has no place for stands in the group `robot_rl` of each demonstration, which robomimic leaves alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.convert import endings
from robot_rl.datasets.convert.columns import as_rows, field_name, vector_field
from robot_rl.datasets.convert.description import KEY, Description, foreign
from robot_rl.datasets.convert.losses import Holds, losses
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rows import Rows, record, to_rows
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES

if TYPE_CHECKING:
    import h5py

STATES = "states"
"""The observation field that is robomimic's `states`."""
_EXECUTED, _REWARD, _DONE = "executed", "reward", "terminated"
_OWN = [n for n in STEP_DTYPES if n not in (_EXECUTED, _REWARD, _DONE)]


def write(dataset: Dataset, target: Path, options: ConvertOptions) -> Report:
    """One HDF5 file; see the module for its layout."""
    import h5py

    chosen = [dataset.episode(n) for n in options.episodes or dataset.numbers]
    masks: dict[str, list[int]] = {}
    unmasked = []
    with h5py.File(target, "w") as file:
        data = file.create_group("data")
        for i, episode in enumerate(chosen):
            rows = to_rows(episode, final=True)
            _write_demo(data.create_group(f"demo_{i}"), rows)
            known = rows.attributes.get("masks", ())
            for mask in known:
                masks.setdefault(mask, []).append(i)
            if not known:
                unmasked.append(i)
        data.attrs["total"] = sum(len(e) for e in chosen)
        description = Description.of(dataset)
        env = description.attributes.get("env_args") or {"env_name": dataset.spec.robot, "type": 1, "env_kwargs": {}}
        data.attrs["env_args"] = json.dumps(env)
        data.attrs[KEY] = json.dumps(description.to_json())
        for name, more in _split(unmasked, options).items():
            masks[name] = sorted([*masks.get(name, ()), *more])
        for name, members in masks.items():
            file.create_dataset(f"mask/{name}", data=np.array([f"demo_{i}" for i in members], dtype="S"))
    lost = losses(chosen, Holds(final_observation=True))
    if STATES not in dataset.spec.observation:
        lost.append("states: no simulator state was recorded, so robomimic cannot play the demonstrations back")
    return Report(len(chosen), sum(len(e) for e in chosen), tuple(lost))


def _write_demo(demo: h5py.Group, rows: Rows) -> None:
    steps, length = rows.steps, len(rows)
    demo.attrs["num_samples"] = length
    demo.attrs[KEY] = json.dumps({**rows.attributes, "end": rows.end})
    demo["actions"] = steps[_EXECUTED]
    demo["rewards"] = steps[_REWARD]
    demo["dones"] = steps[_DONE].astype(np.int64)
    for name in _OWN:
        demo[f"{KEY}/steps/{name}"] = steps[name]
    for name, values in rows.values.items():
        demo[f"{KEY}/stamps/{name}"] = rows.stamps[name]
        if name == STATES:
            demo[STATES] = values[:length]
            demo[f"{KEY}/final_state"] = values[length]
        elif isinstance(values, np.ndarray):
            demo[f"obs/{name}"], demo[f"next_obs/{name}"] = values[:length], values[1:]
        else:
            _write_pictures(demo, name, values, length)


def _write_pictures(demo: h5py.Group, name: str, values: Sequence[Any], length: int) -> None:
    """Each picture goes to `obs` of its step and `next_obs` of the step before, decoded once."""
    first = np.asarray(values[0])
    kind = {"dtype": first.dtype, "chunks": (1, *first.shape), "compression": "gzip", "compression_opts": 1}
    now = demo.create_dataset(f"obs/{name}", (length, *first.shape), **kind)
    after = demo.create_dataset(f"next_obs/{name}", (length, *first.shape), **kind)
    for row in range(length + 1):
        picture = values[row]
        if row < length:
            now[row] = picture
        if row:
            after[row - 1] = picture


def _split(demos: Sequence[int], options: ConvertOptions) -> dict[str, list[int]]:
    """The demonstrations to train on and to validate with, drawn without overlap; nothing where there are none."""
    if not 0 <= options.valid_share < 1:
        raise DatasetError(f"valid_share is {options.valid_share}; at least 0 and below 1 is allowed")
    if not demos:
        return {}
    count = len(demos)
    order = np.random.default_rng(options.seed).permutation(count)
    held_out = max(1, round(options.valid_share * count)) if options.valid_share and count > 1 else 0
    valid = {demos[i] for i in order[:held_out].tolist()}
    return {"train": [i for i in demos if i not in valid], "valid": [i for i in demos if i in valid]}


def read(source: Path, target: str | Path, options: ConvertOptions) -> Report:
    """A data set of a robomimic file, ours or another's."""
    import h5py

    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise DatasetError(f"{source} is not an HDF5 file: {error}") from None
    with file:
        if "data" not in file:
            raise DatasetError(f"{source} has no group 'data': this is not a robomimic data set")
        data = file["data"]
        demos = sorted(data, key=lambda n: int(n.rpartition("_")[2]) if n.rpartition("_")[2].isdigit() else -1)
        if not demos:
            raise DatasetError(f"{source} holds no demonstration")
        description = _description(data, demos[0], source, options)
        members = {name: {n.decode() for n in file["mask"][name][:]} for name in file.get("mask", ())}
        with description.create(target) as dataset:
            apart: set[str] = set()
            cut_off = 0
            for name in demos:
                apart |= _apart(data[name])
                masks = [mask for mask, names in members.items() if name in names]
                rows, cut = _rows(data[name], dataset, masks, options)
                record(dataset, rows)
                cut_off += cut
            steps = sum(len(e) for e in dataset)
    lost = [f"next_obs/{key}: it is not obs/{key} one step later; only its last row is kept" for key in sorted(apart)]
    lost += [endings.loss("dones", cut_off, len(demos))] if cut_off else []
    return Report(len(demos), steps, tuple(lost))


def _apart(demo: h5py.Group) -> set[str]:
    """The observations whose `next_obs` is something else than `obs` one step later."""
    keys = set(demo.get("obs", {})) & set(demo.get("next_obs", {}))
    return {k for k in keys if not np.array_equal(demo[f"obs/{k}"][1:], demo[f"next_obs/{k}"][:-1])}


def _description(data: h5py.Group, first: str, source: Path, options: ConvertOptions) -> Description:
    if KEY in data.attrs:
        return Description.from_json(json.loads(data.attrs[KEY]), f"{source}: data")
    demo = data[first]
    if "actions" not in demo:
        raise DatasetError(f"{source}: data/{first} has no 'actions'")
    env = json.loads(data.attrs.get("env_args", "{}"))
    frequency = env.get("env_kwargs", {}).get("control_freq", 0)
    fields, cameras = {}, {}
    for key, values in _observations(demo).items():
        shape = values.shape[1:]
        if values.dtype == np.uint8 and len(shape) == 3 and shape[2] == 3:
            cameras[field_name(key)] = (shape[0], shape[1])
        else:
            fields[field_name(key)] = vector_field(field_name(key), shape, str(values.dtype))
    action = vector_field("action", demo["actions"].shape[1:], str(demo["actions"].dtype))
    robot = options.robot if options.robot != "unknown" else str(env.get("env_name", "unknown"))
    rate = options.rate or float(frequency)
    return foreign(robot, rate, fields, action, cameras, options.codec, env_args=env, converted="robomimic")


def _observations(demo: h5py.Group) -> dict[str, h5py.Dataset]:
    found = {} if STATES not in demo or not demo[STATES].shape[1:] else {STATES: demo[STATES]}
    return found | dict(demo.get("obs", {}))


def _rows(demo: h5py.Group, dataset: Dataset, masks: list[str], options: ConvertOptions) -> tuple[Rows, bool]:
    """One demonstration, and whether it is done for a reason that is not known."""
    length = len(demo["actions"])
    steps: dict[str, NDArray[Any]] = {_EXECUTED: as_rows(demo["actions"][:])}
    for name, column in (("rewards", _REWARD), ("dones", _DONE)):
        if name in demo:
            steps[column] = demo[name][:]
    own = demo.get(KEY, {})
    steps, cut = endings.told_apart(steps | {name: column[:] for name, column in own.get("steps", {}).items()})
    values = {field_name(key): _with_final(demo, key, column, length) for key, column in _observations(demo).items()}
    unknown = set(dataset.fields) - set(values)
    if unknown:
        raise DatasetError(f"{demo.file.filename}: {demo.name} has no observation '{sorted(unknown)[0]}'")
    attributes = json.loads(demo.attrs.get(KEY, "{}")) or {"instruction": options.instruction, "success": None}
    attributes |= {"masks": masks} if masks else {}
    end = attributes.pop("end", None)
    stamps = {name: column[:] for name, column in own.get("stamps", {}).items()}
    return Rows(steps, {n: values[n] for n in dataset.fields}, stamps, end, attributes), cut


class _WithFinal(Sequence[Any]):
    """The rows of one array and then the last row of another, read one at a time."""

    def __init__(self, rows: h5py.Dataset, final: Any) -> None:
        self._rows, self._final = rows, final

    def __len__(self) -> int:
        return len(self._rows) + 1

    def __getitem__(self, index: Any) -> Any:
        return self._final if index == len(self._rows) else self._rows[index]


def _with_final(demo: h5py.Group, key: str, column: h5py.Dataset, length: int) -> Sequence[Any] | NDArray[Any]:
    """The rows of an observation, and the final one where the file has it."""
    if len(column) != length:
        raise DatasetError(f"{demo.file.filename}: {demo.name}: '{key}' has {len(column)} rows, actions have {length}")
    if key == STATES:
        last = demo[f"{KEY}/final_state"][:][None] if f"{KEY}/final_state" in demo else None
    else:
        last = demo[f"next_obs/{key}"][-1:] if f"next_obs/{key}" in demo else None
    if column.ndim > 2:
        return column if last is None else _WithFinal(column, last[0])
    return as_rows(column[:] if last is None else np.concatenate([column[:], last]))
