"""robosuite as an engine: one task's scene, its placement of objects and its success check."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import mujoco
import numpy as np

from robot_rl import extras, workspace
from robot_rl.hardware.config import ConfigError

PHYSICS_STEP_NS = 2_000_000
"""robosuite's physics time step (robosuite.macros.SIMULATION_TIMESTEP), 2 ms."""
HIDDEN_GROUP = 3
"""The first geom group that MuJoCo's viewers hide unless told otherwise."""


@dataclass(frozen=True)
class Task:
    """What the robot driver must know of a robosuite task beyond its success check."""

    scene: str
    """robosuite's name of the environment."""
    body: str
    """The object that is manipulated, as a body of the scene."""
    centre: tuple[float, float, float]
    """Middle of the area where it starts, on the surface that it stands on [m, world]."""
    lost_below: float
    """The object is out of reach for good once below this height [m, world]."""
    goal: str = ""
    """Where it belongs, as a body of the scene; empty if the task has no such place."""
    sink: float = 0.0
    """How far robosuite's idea of the object's underside lies below the true one [m]."""
    module: str = ""
    """What registers the environment with robosuite, if it is not robosuite's own."""
    fingers: float | None = None
    """Where the fingers stay, from 0, open, to 1, closed; None if they are the action's."""
    options: tuple[str, ...] = ()
    """What else the scene can be told."""


TASKS = {
    "Lift": Task(scene="Lift", body="cube_main", centre=(0.0, 0.0, 0.8), lost_below=0.75),
    "Can": Task(
        scene="CanAlone",
        module="robot_rl.sim.scenes",
        body="Can_main",
        centre=(0.1, -0.25, 0.8),
        lost_below=0.75,
        goal="VisualCan_main",
    ),
    "Square": Task(
        scene="SquareAlone",
        module="robot_rl.sim.scenes",
        body="SquareNut_main",
        centre=(-0.1125, 0.1675, 0.82),
        lost_below=0.77,
        goal="peg1",
        sink=0.04,
    ),
    "Peg": Task(
        scene="PegInsert",
        module="robot_rl.sim.peg_scene",
        body="peg",
        centre=(0.0, 0.0, 0.8),
        lost_below=0.0,
        goal="hole",
        fingers=0.75,
        options=("clearance",),
    ),
}


@dataclass(frozen=True)
class Placement:
    """Where the object starts: uniform over a rectangle about the task's centre and over yaw."""

    half_range: tuple[float, float]
    """Half extent along x and y [m]."""
    yaw: float
    """Half range of the yaw [rad]."""


def task(name: str) -> Task:
    """The task called `name`. Raises ConfigError."""
    if name not in TASKS:
        raise ConfigError(f"no simulated task '{name}'.{workspace.did_you_mean(name, TASKS)}")
    return TASKS[name]


def make_engine(
    name: str, robot: str, *, placement: Placement, joint_noise: float, rate: float, options: Mapping[str, Any]
) -> Any:
    """A robosuite environment without rendering and without its own observations.

    The scene's fixed dimensions (robosuite draws the cube's size once) are the same in every process;
    only resets draw random numbers. Every arm carries the Panda's two-fingered gripper.

    Raises:
        MissingExtraError: robosuite is not installed.
        ConfigError: robosuite has no such arm, or the task no such option.
    """
    suite = import_robosuite()
    if robot not in suite.ALL_ROBOTS:
        raise ConfigError(f"robosuite has no robot '{robot}'.{workspace.did_you_mean(robot, suite.ALL_ROBOTS)}")
    chosen = task(name)
    for key in options:
        if key not in chosen.options:
            raise ConfigError(f"task '{name}' has no option '{key}'.{workspace.did_you_mean(key, chosen.options)}")
    if chosen.module:
        _import(chosen.module)
    samplers = _import("robosuite.utils.placement_samplers")
    sampler = samplers.UniformRandomSampler(
        name="placement",
        x_range=(-placement.half_range[0], placement.half_range[0]),
        y_range=(-placement.half_range[1], placement.half_range[1]),
        rotation=(-placement.yaw, placement.yaw),
        ensure_object_boundary_in_range=False,
        reference_pos=np.array(chosen.centre),
        z_offset=-chosen.sink,
        rng=np.random.default_rng(0),
    )
    return suite.make(
        chosen.scene,
        robots=robot,
        gripper_types="PandaGripper",
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        use_object_obs=False,
        hard_reset=False,
        placement_initializer=sampler,
        initialization_noise={"magnitude": joint_noise, "type": "gaussian"},
        control_freq=rate,
        seed=0,
        **options,
    )


def reset_engine(engine: Any, seed: int) -> None:
    """Draw the start state that belongs to `seed`, whatever happened before.

    Sets positions alone; the caller computes what follows from them (mj_step1).
    """
    engine.rng = np.random.default_rng(seed)
    engine.placement_initializer.rng = engine.rng
    engine.reset()
    model, data = engine.sim.model._model, engine.sim.data._data
    start = data.qpos.copy()
    mujoco.mj_resetData(model, data)  # forgets warm starts and whatever else the reset has left behind
    data.qpos[:] = start


def scene_xml(engine: Any) -> str:
    """The MJCF of the engine's scene, with absolute asset paths, looking right in any MuJoCo viewer.

    robosuite hides its collision geoms (group 0) and sites at run time; here both move to group 3, which
    MuJoCo does not show by default. Inertias still come from the collision geoms.
    """
    root = ElementTree.fromstring(engine.edit_model_xml(engine.model.get_xml()))
    hidden = str(HIDDEN_GROUP)
    for geom in root.iter("geom"):
        if geom.get("group", "0") == "0":
            geom.set("group", hidden)
    for site in root.iter("site"):
        site.set("group", hidden)
    for compiler in root.iter("compiler"):
        compiler.set("inertiagrouprange", f"{hidden} {hidden}")
    return ElementTree.tostring(root, encoding="unicode")


def import_robosuite() -> Any:
    """The robosuite package, without its remarks on absent optional parts. Raises MissingExtraError."""
    # A filter outlives the logging set-up that robosuite makes at import.
    logging.getLogger("robosuite_logs").addFilter(_errors_only)
    return _import("robosuite")


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if remedy := extras.explain(error):
            raise extras.MissingExtraError(remedy) from error
        raise


def _errors_only(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
