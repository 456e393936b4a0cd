"""One episode as a rerun recording: cameras, paths of poses, actions, who acted, phase, safety and reward.

camera/<name>                        pictures
scene/<frame>/<pose field>           the pose, and its path coloured by who acted
observation/<field>                  every other measured vector
action/<field>/<label>/<what>        executed, proposed (policy), human: one number each
step/source, step/phase, step/safety what kind of step it was, each state in its colour
task/reward, task/success
about                                what is known of the episode
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rerun as rr
import rerun.blueprint as rrb
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Phase, Source
from robot_rl.datasets.store.reading import Frames
from robot_rl.spec import Field

COLORS: dict[Source, tuple[int, int, int]] = {
    Source.NONE: (140, 140, 140),
    Source.POLICY: (0, 114, 178),
    Source.HUMAN: (230, 159, 0),
    Source.REWIND: (204, 121, 167),
}
"""Okabe and Ito's palette, told apart with any colour vision."""

ACTIONS: dict[str, tuple[tuple[int, int, int], float]] = {
    "executed": ((0, 158, 115), 2.5),
    "proposed": ((0, 114, 178), 1.5),
    "human": ((230, 159, 0), 1.5),
}
"""Colour and width of the line of each."""

PHASES: dict[Phase, tuple[int, int, int]] = {
    Phase.DEMONSTRATION: (86, 163, 217),
    Phase.AUTONOMOUS: (139, 149, 161),
    Phase.RECOVERY: (230, 164, 0),
    Phase.CORRECTION: (213, 94, 0),
    Phase.RESET: (163, 82, 143),
}
"""The colours of the reports."""

_ENCODED = {"jpeg": "image/jpeg", "png": "image/png"}


def log_episode(episode: Episode, *, name: str, save: Path | None) -> None:
    """Send an episode to a rerun viewer, started when there is none, or write it to a file.

    Args:
        name: what the recording is called in the viewer.
        save: an .rrd file to write instead.
    """
    rr.init("robot_rl", recording_id=f"{name}-{episode.number}")
    if save is not None:
        rr.save(save, default_blueprint=blueprint(episode))
    else:
        rr.spawn(default_blueprint=blueprint(episode))
    start = int(episode.steps["stamp"][0])
    for stream in episode.stream_names:
        _log_stream(episode, stream, start)
    _log_steps(episode, start)
    rr.log("about", rr.TextDocument(_about(episode), media_type=rr.MediaType.MARKDOWN), static=True)
    rr.disconnect()


def _about(episode: Episode) -> str:
    """What is known of the episode, as a Markdown list."""
    hidden = ("checksums", "digest", "samples", "format")
    facts = {k: v for k, v in episode.attributes.items() if k not in hidden and v not in (None, "", {}, [])}
    return "\n".join(f"- **{key}**: {value}" for key, value in facts.items())


def blueprint(episode: Episode) -> rrb.Blueprint:
    """Cameras and paths above, who acted and in which phase below, then actions, measurements and reward."""
    cameras = [n for n in episode.stream_names if _is_image(episode, n)]
    top: list[rrb.View] = [rrb.Spatial2DView(origin=f"camera/{n}", name=n) for n in cameras]
    if any(f.kind == "pose" for f in episode.spec.observation.values()):
        top.append(rrb.Spatial3DView(origin="scene", name="paths"))
    top.append(rrb.TextDocumentView(origin="about", name="about"))
    plots = rrb.Tabs(*(_action_plots(f) for f in episode.spec.action.vectors), _measured(episode), name="numbers")
    lower = rrb.Horizontal(plots, rrb.TimeSeriesView(origin="task", name="reward and success"), column_shares=[3, 1])
    states = rrb.StateTimelineView(origin="step", name="who acted, phase, safety")
    return rrb.Blueprint(rrb.Vertical(rrb.Horizontal(*top), states, lower, row_shares=[4, 1.3, 3]))


def _action_plots(field: Field) -> rrb.Grid:
    """One plot for each number of an action field: executed, proposed and human in the same colours everywhere."""
    views = [
        rrb.TimeSeriesView(origin=f"action/{field.name}/{label or 'value'}", name=label or field.name)
        for label in field.labels
    ]
    return rrb.Grid(*views, name=field.name)


def _measured(episode: Episode) -> rrb.Grid:
    """One plot for each measured vector that is no pose."""
    names = [f.name for f in episode.spec.observation.vectors if f.kind != "pose"]
    views = [rrb.TimeSeriesView(origin=f"observation/{n}", name=n) for n in names if n in episode.stream_names]
    return rrb.Grid(*views, name="measured")


def _is_image(episode: Episode, stream: str) -> bool:
    """A stream that the spec does not know is a camera."""
    field = episode.spec.observation.get(stream) if stream in episode.spec.observation else None
    return field is None or field.is_image


def _timeline(stamps: NDArray[np.int64], start: int) -> rr.TimeColumn:
    """Seconds since the first step; what came earlier has negative times."""
    return rr.TimeColumn("episode", duration=(stamps - start).astype("timedelta64[ns]"))


def _log_stream(episode: Episode, name: str, start: int) -> None:
    stream = episode.stream(name)
    if _is_image(episode, name):
        for k, stamp in enumerate(stream.stamps):
            rr.set_time("episode", duration=np.timedelta64(int(stamp) - start, "ns"))
            rr.log(f"camera/{name}", _picture(stream.values, k))
        return
    field, values = episode.spec.observation[name], np.asarray(stream.values[:])
    time = _timeline(stream.stamps, start)
    if field.kind == "pose":
        entity = f"scene/{field.frame or 'world'}/{name}"
        columns = rr.Transform3D.columns(translation=values[:, :3], quaternion=values[:, 3:])
        rr.send_columns(entity, [time], columns)
        rr.log(entity, rr.TransformAxes3D(0.05), static=True)
        _log_path(episode, field)
    else:
        rr.log(f"observation/{name}", rr.SeriesLines(names=list(field.labels)), static=True)
        flat = values.reshape(len(values), -1)
        columns = rr.Scalars.columns(scalars=flat.ravel()).partition([flat.shape[1]] * len(flat))
        rr.send_columns(f"observation/{name}", [time], columns)


def _picture(frames: Frames, k: int) -> rr.Image | rr.EncodedImage | rr.DepthImage:
    """One picture; colour that is stored as JPEG or PNG is handed on as it is."""
    if len(frames.info.row_shape) == 3 and frames.codec.name in _ENCODED:
        return rr.EncodedImage(contents=frames.encoded(np.array([k]))[0], media_type=_ENCODED[frames.codec.name])
    picture = np.asarray(frames[k])
    return rr.Image(picture) if picture.ndim == 3 else rr.DepthImage(picture, meter=1000.0)


def _log_path(episode: Episode, field: Field) -> None:
    """The positions at each step as one line for each run of steps by the same actor."""
    positions = episode.aligned([field.name], final=True)[field.name][:, :3]
    source = episode.steps["source"]
    borders = [0, *(np.flatnonzero(np.diff(source)) + 1), len(source)]
    strips = [positions[a : b + 1] for a, b in pairwise(borders)]
    colors = [COLORS[Source(int(source[a]))] for a in borders[:-1]]
    entity = f"scene/{field.frame or 'world'}/{field.name}_path"
    rr.log(entity, rr.LineStrips3D(strips, colors=colors), static=True)


def _log_steps(episode: Episode, start: int) -> None:
    steps = episode.steps
    time = _timeline(steps["stamp"], start)
    for field in episode.spec.action.vectors:
        columns = episode.spec.action.slices[field.name]
        for what in ACTIONS:
            values = steps[what][:, columns]
            for j, label in enumerate(field.labels):
                entity = f"action/{field.name}/{label or 'value'}/{what}"
                rr.send_columns(entity, [time], rr.Scalars.columns(scalars=values[:, j]))
                color, width = ACTIONS[what]
                rr.log(entity, rr.SeriesLines(colors=[color], widths=[width], names=[what]), static=True)
    for key in ("reward", "success"):
        rr.send_columns(f"task/{key}", [time], rr.Scalars.columns(scalars=steps[key].astype(np.float64)))
    for key, enum in (("source", Source), ("phase", Phase), ("safety", Safety)):
        names = [enum(int(v)).name or "PASSED" for v in steps[key]]
        rr.send_columns(f"step/{key}", [time], rr.StateChange.columns(state=names))
        rr.log(f"step/{key}", _state_colors(names, COLORS if key == "source" else PHASES), static=True)


def _state_colors(names: list[str], known: Mapping[Any, tuple[int, int, int]]) -> rr.StateConfiguration:
    """Each state in its colour; what the safety envelope let pass in grey, what it changed in red."""
    by_name = {member.name: color for member, color in known.items()}
    states = list(dict.fromkeys(names))
    colors = [by_name.get(n, (140, 140, 140) if n == "PASSED" else (204, 60, 60)) for n in states]
    return rr.StateConfiguration(values=states, labels=[n.lower() for n in states], colors=colors)
