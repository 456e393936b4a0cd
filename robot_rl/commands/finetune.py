"""Improve a policy on the robot by reinforcement: it acts, learns after every step, and a person may take over.

The recipe says how: a residual on a frozen base policy, an actor-critic from demonstrations, and so on. Every episode
is recorded, and the session is saved after each: Ctrl-C, a crash or a power cut loses at most the episode under way,
and --resume goes on with the same weights, replay and random numbers. The success rate is measured on held-out initial
states at set intervals. The session's folder is a checkpoint: `deploy` and `evaluate` take it.

An option that is left out, or 0 or empty, is as the recipe has it: `robot-rl info RECIPE` shows every setting with its
value and the default, those of the improver included.

Examples:
  robot-rl finetune --recipe residual_pegslot --checkpoint flow_pegslot --dataset pegslot
  robot-rl finetune --recipe rlpd_pegslot --dataset pegslot --operator expert --steps 4000
  robot-rl finetune --resume policies/residual_pegslot/checkpoints/2026-01-31_10-00-00
  robot-rl finetune --recipe residual_pegslot --dataset pegslot --processes 2
  robot-rl finetune --recipe practice_pickinsert --dataset insert=pickinsert return=pickinsert_return
  robot-rl finetune --recipe rlpd_pickinsert --dataset pickinsert --reset runs/practice/return --reset-goal 1
  robot-rl evaluate --checkpoint residual_pegslot
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from robot_rl.extras import require

if TYPE_CHECKING:
    from robot_rl.learn.online.opening import Opening
    from robot_rl.learn.online.recipe import Recipe


@dataclass(frozen=True)
class Options:
    """What to improve, on which robot, for how long. What is left empty is as the recipe has it."""

    recipe: str = ""
    """A folder of policies/ with a finetune.yaml, or the path of such a folder or file."""
    resume: Path | None = None
    """Continue the session in this folder, with its own recipe; --steps may be raised."""
    checkpoint: str = ""
    """The base policy that is improved and stays frozen: a checkpoint's folder, a training run's, or a recipe; for a
    residual also the address of a server (`robot-rl serve`), ws://host:port.
    For a practice of several directions: direction=name,direction=name."""
    dataset: tuple[str, ...] = ()
    """Data sets with demonstrations: names under datasets/, or paths. For a practice of several directions write
    direction=name."""
    robot: str = ""
    """A folder of hardware/ with a robot.yaml; simulated robots here, real ones through `robot-rl launch finetune`."""
    classifier: str = ""
    """Folder of a reward classifier (`robot-rl reward train`) that decides on success while the policy learns; its
    camera must be among the recipe's. Evaluations in simulation are judged by the simulation all the same."""
    reset: str = ""
    """Who brings robot and scene to a start state: `outside`, the simulator; `scripted`, the routine that robot.yaml
    names, or another by its name there (`regrasp`); or a policy: a checkpoint or a session's folder. A reset that
    fails is said, and the scene is set up from outside."""
    reset_goal: int | None = None
    """The robot's goal that the reset policy reaches; without one its reset ends where the demonstrations began."""
    reset_steps: int = 0
    """The longest a reset may take [steps]; 300 unless the recipe says otherwise."""
    operator: str = ""
    """Who watches and may take over: `none`; a person with a device: `gamepad`, `spacemouse` or `keyboard`, perhaps
    with its file, `gamepad:/dev/input/js1`; or the quality of the scripted operator (`expert`, `mixed`, ...)."""
    keys: Literal["", "mark", "decide", "hold"] = ""
    """What the person's success and failure keys mean. `mark`: they end an episode beside the task's own judgement;
    `decide`: nothing else judges; `hold`: success is for as long as the success key is held. Undo takes the newest
    mark back, also while the next episode is under way."""
    latency: float | None = None
    """From what the person sees to the key going down [s]; 0.4 with a device, unless the recipe says otherwise."""
    steps: int = 0
    """Robot steps of the session, all sittings together."""
    seed: int | None = None
    """Of everything random."""
    device: str = ""
    """Where the learner computes: `cpu`, `cuda` or `auto`."""
    evaluate_every: int = 0
    """Robot steps between evaluations."""
    trials: int = 0
    """Held-out initial states of an evaluation."""
    processes: Literal[1, 2] = 1
    """1: acting and learning take turns, and a session can be repeated exactly. 2: the learner is a process of its own,
    and the robot never waits for it."""
    untouched: int = 0
    """Stop after so many successes in a row without help; 0 goes on to the last step."""
    actors: int = 0
    """So many simulated robots at a time, each an actor of a Ray cluster: this machine, or what RAY_ADDRESS names."""
    output: Path | None = None
    """Folder of the session; by default policies/<recipe>/checkpoints/<time>."""
    accept_changes: bool = False
    """Continue a session although the recipe has changed; the differences are listed."""


def run(options: Options) -> int:
    require("train", "sim")
    from robot_rl.commands import finetune_plan as plan
    from robot_rl.learn.online.opening import Opening

    recipe, directory = plan.resolved(options)
    plan.check(recipe, options)
    with Opening(directory) as opening:
        plan.write(recipe, directory, options)
        return _carry_out(recipe, opening, options)


def _carry_out(recipe: Recipe, opening: Opening, options: Options) -> int:
    """The session, in one of the ways there are to run it. Returns 0."""
    untouched, accepted = options.untouched, options.accept_changes
    if recipe.practice is not None:
        from robot_rl.commands.finetune_practice import run_practice

        return run_practice(recipe, opening, untouched=untouched, accept_changes=accepted)
    if options.actors:
        from robot_rl.commands.finetune_apart import run_cluster

        return run_cluster(recipe, opening, options.actors, accept_changes=accepted)
    if options.processes == 2:
        from robot_rl.commands.finetune_apart import run_apart

        return run_apart(recipe, opening, untouched=untouched, accept_changes=accepted)
    from robot_rl.commands.finetune_parts import parts
    from robot_rl.commands.finetune_view import View
    from robot_rl.learn.online.session import Session

    with (
        parts(recipe, opening.directory) as (cell, demonstrations, base, dataset),
        View(recipe, opening, untouched) as view,
    ):
        session = Session(
            recipe.online,
            cell,
            demonstrations,
            base,
            opening.directory,
            view.prepared,
            dataset=dataset,
            accept_changes=accepted,
            say=view.say,
        )
        view.begin(session)
        session.run(stop=view.stopped, on_episode=lambda r: view.episode(session, r), on_point=view.point)
        view.end(session)
    return 0
