"""Updates of soft actor-critic per CPU-second on one thread, beside LeRobot's SAC and HIL-SERL's; replay; actor step.

An update: UTD 2 at batch 256, two steps of two critics of 256 x 2 and one of actor and temperature, batches out of the
replay included. From state: 9 numbers, 7 actions. From pictures: two cameras of 128 x 128 and a gripper of three
choices beside 6 actions, LeRobot's own convolutions on both sides; `cached`: they are frozen. Peers take turns with
ours, a process each, where interpreters that have them are named (see peers/ for what they need):

    ROBOT_RL_LEROBOT_PYTHON=<python with lerobot 0.4.4> ROBOT_RL_HILSERL_PYTHON=<python with jax and serl_launcher> \\
        python benchmarks/online.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from support import peer_cnn
from support.results import Row, rounded, save, versions

from robot_rl.datasets.record import Phase, Source, Step
from robot_rl.learn.online.acting import AgentExecutor
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.features import FeaturesConfig
from robot_rl.learn.online.gripper import GripperConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.sac import SacConfig
from robot_rl.spec import Field, Layout, Spec

peer_cnn.register()
PEERS = {"lerobot": "ROBOT_RL_LEROBOT_PYTHON", "hilserl": "ROBOT_RL_HILSERL_PYTHON"}
"""Whom we are measured beside, and where the interpreters are named."""
BATCH, SIDE, ROWS, CAPACITY = 256, 128, 300, 100_000
CAMERAS = {"front": (SIDE, SIDE), "wrist": (SIDE, SIDE)}
SPEC = Spec(
    "bench",
    20.0,
    Layout((Field("state", (9,)),)),
    Layout(
        (
            Field("arm", (6,), low=(-1.0,) * 6, high=(1.0,) * 6),
            Field("gripper", (1,), low=(0.0,), high=(1.0,)),
        )
    ),
    "velocity",
)
STATE = FeaturesConfig(state_width=256)
PICTURES = FeaturesConfig(state_width=256, backbone="peer", width=256, count=8)
CACHED = FeaturesConfig(state_width=256, backbone="peer", width=256, count=8, frozen=True)


def learner(features: FeaturesConfig, *, pictures: bool, capacity: int = ROWS + 10, bfloat16: bool = False) -> Learner:
    """One of ours; with pictures it has a gripper by choice."""
    sac = SacConfig(critics=2, subset=2, batch=BATCH, utd=2, features=features, bfloat16=bfloat16)
    rlpd = RlpdConfig(sac, GripperConfig("gripper" if pictures else ""))
    names = ("state", *CAMERAS) if pictures else ("state",)
    config = OnlineConfig(rlpd, names, reward="task", capacity=capacity)
    return Learner(config, SPEC, cameras=CAMERAS if pictures else None)


def values(rng: np.random.Generator, *, pictures: bool) -> dict[str, Any]:
    """What a robot senses in a step."""
    out: dict[str, Any] = {"state": rng.normal(size=9)}
    if pictures:
        out |= {n: rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for n in CAMERAS}
    return out


def step(rng: np.random.Generator, t: int, *, human: bool) -> Step:
    """A step with a random action."""
    none = np.full(7, np.nan)
    action = np.append(rng.uniform(-1, 1, 6), float(rng.random() < 0.5))
    source = (Source.HUMAN, Phase.DEMONSTRATION) if human else (Source.POLICY, Phase.AUTONOMOUS)
    return Step(t, action, none, none, *source)


def fill(made: Learner, rows: int, *, pictures: bool) -> list[float]:
    """Two episodes of random steps through the executor; returns the CPU seconds of each step."""
    rng, times = np.random.default_rng(0), []
    executor = AgentExecutor(made.agent, made.observer, torch.device("cpu"), 0)
    executor.mode = "sample"
    for episode in range(2):
        made.replay.begin(str(episode))
        executor.reset(0)
        for t in range(rows // 2):
            seen, done = values(rng, pictures=pictures), step(rng, t, human=episode == 0)
            start = time.process_time()
            executor.act(seen)
            executor.follow(done.executed)
            made.replay.add(executor.rows.popleft(), done, t)
            times.append(time.process_time() - start)
        executor.act(values(rng, pictures=pictures))
        made.replay.finish(executor.rows.popleft())
    return times


def seconds(f: Callable[[], object], repeats: int) -> list[float]:
    """CPU seconds of calls, after one that does not count."""
    f()
    out = []
    for _ in range(repeats):
        start = time.process_time()
        f()
        out.append(time.process_time() - start)
    return out


def updates(features: FeaturesConfig, repeats: int, *, pictures: bool, bfloat16: bool = False) -> list[float]:
    """CPU seconds of our updates."""
    made = learner(features, pictures=pictures, bfloat16=bfloat16)
    fill(made, ROWS, pictures=pictures)
    rng = np.random.default_rng(0)
    return seconds(lambda: made.improver.update(made.replay, rng), repeats)


def peer(name: str, *arguments: object) -> list[float]:
    """CPU seconds of a peer's updates; none where no interpreter with it is named."""
    python = os.environ.get(PEERS[name])
    if not python:
        return []
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [python, str(Path(__file__).parent / "peers" / f"{name}_sac.py"), *map(str, arguments)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    return list(json.loads(out.splitlines()[-1])["seconds"])


def rounds(sides: Mapping[str, Callable[[], list[float]]], count: int) -> dict[str, float | None]:
    """Updates per CPU second of each side: the median of all of its updates, the sides taking turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(count):
        for name, run in sides.items():
            times[name] += run()
    return {name: 1 / median(all_of_it) if all_of_it else None for name, all_of_it in times.items()}


def compared(what: str, name: str, ours: float | None, theirs: float | None, target: str) -> Row:
    """A row of the table."""
    ratio = rounded(ours / theirs) if ours and theirs else None
    shown = None if theirs is None else rounded(theirs)
    row = Row(f"updates, {what}: {name}", rounded(ours or 0.0), shown, ratio, "1/CPU s", target)
    print(row, flush=True)
    return row


def from_state(repeats: int, count: int) -> list[Row]:
    """Beside LeRobot and, on the same networks, beside HIL-SERL."""
    speed = rounds(
        {
            "same networks": lambda: updates(STATE, repeats, pictures=False),
            "lerobot": lambda: peer("lerobot", "state", repeats),
            "critics' products in bfloat16": lambda: updates(STATE, repeats, pictures=False, bfloat16=True),
            "hilserl": lambda: peer("hilserl", repeats),
            "without the trained layer on the state": lambda: updates(FeaturesConfig(), repeats, pictures=False),
        },
        count,
    )
    theirs, jax = speed.pop("lerobot"), speed.pop("hilserl")
    rows = [compared("state", name, ours, theirs, ">= 2") for name, ours in speed.items()]
    return [*rows, compared("state", "same networks, beside HIL-SERL in JAX", speed["same networks"], jax, ">= 1")]


def from_pictures(repeats: int, slow: int, count: int) -> list[Row]:
    """Beside LeRobot, its convolutions trained and frozen."""
    rows = []
    trained = {"same networks": PICTURES, "bfloat16 convolutions": half()}
    for kind, what, n, sides in (
        ("trained", "two cameras, trained CNN", slow, trained),
        ("cached", "two cameras, frozen CNN", repeats, {"maps kept in rows": CACHED}),
    ):
        ours = {name: partial(updates, features, n, pictures=True) for name, features in sides.items()}
        speed = rounds(ours | {"lerobot": partial(peer, "lerobot", kind, slow)}, count)
        theirs = speed.pop("lerobot")
        rows += [compared(what, name, each, theirs, ">= 4") for name, each in speed.items()]
    return rows


def half() -> FeaturesConfig:
    """Pictures in half precision."""
    return FeaturesConfig(state_width=256, backbone="peer", width=256, count=8, bfloat16=True)


def replay_size(rows: int) -> list[Row]:
    """Bytes of a transition, by the arrays and by the memory that the process gains while they are filled."""
    made = learner(PICTURES, pictures=True, capacity=rows + 10)
    before = resident()
    fill(made, rows, pictures=True)
    gained = (resident() - before) / rows
    tables = [*made.replay.observation.values(), *made.replay.columns.values()]
    each = sum(v.nbytes for v in tables) / made.replay.capacity
    note = (
        f"process memory gained over {rows} steps: {gained / 1e3:.1f} kB a step; newest picture is the next one's too"
    )
    return [Row("replay, 100 k transitions, two 128x128 cameras", rounded(each * CAPACITY / 1e9), unit="GB",
                target="< 12", note=note)]  # fmt: skip


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def actor_overhead() -> list[Row]:
    """A step of executor and replay beyond what the networks alone take."""
    rows = []
    for what, features, pictures in (("state", STATE, False), ("two cameras", PICTURES, True)):
        made = learner(features, pictures=pictures)
        whole = median(fill(made, ROWS, pictures=pictures)[5:])
        generator = torch.Generator().manual_seed(0)
        seen = made.observer.observation(torch.device("cpu"))

        def networks(agent: Any = made.agent, seen: Any = seen, generator: Any = generator) -> None:
            with torch.no_grad():
                agent.act(seen, "sample", generator)

        alone = median(seconds(networks, 100))
        note = f"whole step {1e3 * whole:.2f} ms, networks {1e3 * alone:.2f} ms"
        rows.append(Row(f"actor step beyond the networks, {what}", rounded(1e3 * (whole - alone)), unit="CPU ms",
                        target="< 2", note=note))  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--slow", type=int, default=2, help="updates from pictures through a network, of each round")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--only-state", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [*actor_overhead(), *replay_size(600), *from_state(options.repeats, options.rounds)]
    if not options.only_state:
        rows += from_pictures(options.repeats, options.slow, options.rounds)
    save(
        "online",
        __doc__.splitlines()[0],
        rows,
        versions=versions(["torch", "numpy"]) | {"lerobot": "0.4.4", "jax": "0.4.35"},
    )


if __name__ == "__main__":
    main()
