"""Recorded episodes into the replay: their executed actions, and what the base would have done beside them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace

from robot_rl.control.safety import Safety
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Phase, Source, Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.observe import Observer, Row
from robot_rl.learn.online.replay import Replay
from robot_rl.spec import Spec, mismatch


def fitting(
    episodes: Iterable[Episode], spec: Spec, names: Container[str], held: Container[str] = ()
) -> Iterator[Episode]:
    """The episodes, each data set of them looked at first, unless all of its episodes are held already.

    Limits of actions may differ: the envelope may have been tightened since. So may a control mode that the data do not
    know, as imported ones do not.

    Args:
        spec: of the session's robot.
        names: the observation fields that are learnt from.
        held: ids of episodes that have been learnt from before, when they did fit.

    Raises:
        TrainingError: one was recorded on a robot that senses, or is commanded, in another way.
    """
    known: list[Spec] = []
    for episode in episodes:
        if str(episode.attributes["id"]) not in held and not any(episode.spec is k for k in known):
            _require_fitting(episode, spec, names)
            known.append(episode.spec)
        yield episode


def _require_fitting(episode: Episode, spec: Spec, names: Container[str]) -> None:
    recorded = episode.spec.only(names)
    recorded = replace(recorded, control_mode=recorded.control_mode or spec.control_mode)
    if differences := recorded.differences(spec.only(names), bounds=False):
        data = f"the data set {episode.folder.parents[1]}"
        way_out = f"Name a data set of '{spec.robot}', or a recipe for '{episode.spec.robot}'"
        if episode.spec.robot == spec.robot:
            way_out = "Name a data set recorded since, or put robot.yaml and the control mode back"
        raise TrainingError(f"{mismatch((data, recorded), ('this session', spec), differences)}\n{way_out}")


def add_episodes(
    replay: Replay,
    observer: Observer,
    episodes: Iterable[Episode],
    notes: Callable[[], Row],
    human_weight: float = 1.0,
    name: Callable[[Episode], str] = lambda episode: str(episode.attributes["id"]),
) -> int:
    """Add those episodes that the replay does not hold yet; returns how many.

    Args:
        notes: what the agent adds to the observer's newest row, in which it did not act.
        name: tells episodes apart.

    Raises:
        ReplayError: a number is not finite (episode and step are named).
        TrainingError: the base policy was not available.
    """
    return sum(_add(replay, observer, episode, notes, human_weight, name(episode)) for episode in episodes)


def _add(
    replay: Replay, observer: Observer, episode: Episode, notes: Callable[[], Row], human_weight: float, name: str
) -> bool:
    if not replay.begin(name):
        return False
    try:
        seen = episode.aligned(observer.needed, final=True)
        seed = episode.attributes.get("seed") if episode.attributes.get("purpose") == "deployment" else None
        observer.reset(0 if seed is None else int(seed))  # a base then samples what it sampled on the robot
        for t in range(len(episode) + 1):
            row = observer.row({name: values[t] for name, values in seen.items()})
            if row is None:
                raise TrainingError(f"episode {episode.number}, step {t}: the base policy gave no action")
            if t == len(episode):
                replay.finish(row | notes(), episode.success)
            else:
                step = _step(episode, t)
                replay.add(row | notes(), step, t, human_weight if step.source == Source.HUMAN else 1.0)
                observer.follow(step.executed)
                if step.source != Source.POLICY and step.phase != Phase.DEMONSTRATION:
                    observer.interrupt()
    finally:
        replay.drop()
    return True


def _step(episode: Episode, t: int) -> Step:
    c = episode.steps
    return Step(
        stamp=int(c["stamp"][t]),
        executed=c["executed"][t],
        proposed=c["proposed"][t],
        human=c["human"][t],
        source=Source(int(c["source"][t])),
        phase=Phase(int(c["phase"][t])),
        safety=Safety(int(c["safety"][t])),
        reward=float(c["reward"][t]),
        success=bool(c["success"][t]),
        terminated=bool(c["terminated"][t]),
        truncated=bool(c["truncated"][t]),
    )
