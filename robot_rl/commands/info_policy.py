"""A trained policy as `robot-rl info` tells of it: what it sees and gives, from which data, how good it is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from robot_rl.commands.info_robot import show_spec

if TYPE_CHECKING:
    from robot_rl.policies.checkpoint import Card


def show_policy(console: Console, name: str) -> None:
    """The policy that `name` means: a checkpoint, a run, or a recipe's newest run. Raises CheckpointError."""
    from robot_rl.policies import checkpoint

    card, folder = checkpoint.read_card(name), checkpoint.resolve(name)
    console.print(f"[bold]{escape(str(folder))}[/bold]", soft_wrap=True)
    c = card.config
    console.print(
        f"{c.head.name} policy for {card.spec.robot}: "
        f"sees {c.n_obs} observations of {', '.join(card.inputs)}; plans {c.horizon} actions, plays {c.n_action_steps}"
    )
    for title, text in (
        ("data", _data(card)),
        ("training", _training(card)),
        ("success", _success(folder)),
        ("written", _written(card)),
    ):
        console.print(escape(f"{title}: {text}"), soft_wrap=True)
    show_spec(console, card.spec)


def _data(card: Card) -> str:
    """From what it learnt."""
    identity = card.dataset
    named = [
        f"{d['name']} ({d['episodes']} episodes{', watched only' if d.get('action_free') else ''})"
        for d in identity.get("datasets", ())
    ]
    if not named:
        return "not written down"
    held = identity.get("held_out_episodes", 0)
    return (
        f"{', '.join(named)}; select '{identity.get('select', '')}' keeps {identity.get('steps', 0)} steps of "
        f"{identity.get('episodes', 0)} episodes, {held or 'none'} held out"
    )


def _training(card: Card) -> str:
    """How long, and what its loss came to."""
    training = card.training
    if "step" not in training:
        return "not written down"
    of = training.get("config", {}).get("steps", training["step"])
    parts = [f"step {training['step']} of {of}"]
    if (seconds := training.get("seconds")) is not None:
        parts.append(f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s")
    losses = {"loss": training.get("loss"), "held-out loss": training.get("holdout_loss")}
    parts += [f"{what} {value:.3g}" for what, value in losses.items() if value is not None]
    if (chosen := training.get("success")) is not None:
        parts.append(f"chosen by {chosen[0]} successes in {chosen[1]} trials")
    return ", ".join(parts)


def _success(folder: Path) -> str:
    """What its evaluations found; how to evaluate it where there are none."""
    from robot_rl.learn.card import results_of, run_of

    run = run_of(folder)
    found = [] if run is None else results_of(run)
    if not found:
        return f"not evaluated yet: robot-rl evaluate --checkpoint {shlex.quote(str(run or folder))}"
    return "; ".join(f"{r.proportion} on {r.robot}, {r.execution}" for r in found)


def _written(card: Card) -> str:
    """When, and by which code."""
    by = card.provenance
    revision = by.get("git_revision")
    return f"{by.get('created', 'at an unknown time')} by robot_rl {by.get('robot_rl', '?')}" + (
        f" ({revision})" if revision else ""
    )
