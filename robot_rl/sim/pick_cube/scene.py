"""gym-hil's PandaPickCube as an engine: its start states, its step, its sensors and its measure of success."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_rl import extras

Array = NDArray[np.float64]

PHYSICS_STEP_NS = 2_000_000
"""gym-hil's physics step, 2 ms."""
_HALF_PAD = 0.004
"""Half the thickness of a finger's pad [m]."""


class Scene:
    """One scene of gym-hil. World frame: the arm's base, x ahead, z up.

    gym-hil reads its sensors before the last physics step of a control period is taken, so what is sensed here is
    2 ms old, exactly as in its own observations and rewards.

    Args:
        period: one control period [s], a whole multiple of 2 ms.
        random: the cube starts anywhere in 20 x 30 cm; if not, at one place.

    Raises:
        MissingExtraError: gym-hil is not installed.
    """

    def __init__(self, period: float, *, random: bool) -> None:
        module = _import("gym_hil.envs.panda_pick_gym_env")
        with _no_renderer():
            self._env: Any = module.PandaPickCubeGymEnv(control_dt=period, random_block_position=random)
        self.period = period
        self.data: mujoco.MjData = self._env.data
        model: mujoco.MjModel = self._env.model
        self._site = model.site("pinch").id
        self._block = model.geom("block").id
        self._pads = (model.geom("right_pad1").id, model.geom("left_pad1").id)
        self._low, self._high = module._SAMPLING_BOUNDS + np.array([[-0.05], [0.05]])  # (2,) [m]

    def draw(self, seed: int) -> None:
        """The start state that gym-hil makes after `numpy.random.seed(seed)`; the global generator is left as it was.

        gym-hil's own `reset(seed)` does not decide where the cube lies: it draws from the global generator.
        """
        before = np.random.get_state()
        try:
            np.random.seed(seed % 2**32)
            self._env.reset()
        finally:
            np.random.set_state(before)

    def step(self, velocity: Array, closed: float) -> None:
        """One control period of gym-hil's `step`.

        Args:
            velocity: of the point that the gripper is drawn to (3,) [m/s].
            closed: from 0, open, to 1, closed; gym-hil's own action is the change of it.
        """
        action = np.zeros(7)  # x y z [m], three rotations that gym-hil ignores, change of the gripper
        action[:3] = velocity * self.period
        action[6] = closed - self.closed
        self._env.apply_action(action)

    def hold(self) -> None:
        """Draw the gripper to where it is."""
        self.data.mocap_pos[0] = self.data.site_xpos[self._site]

    @property
    def closed(self) -> float:
        """The gripper's command, from 0, open, to 1, closed."""
        return float(self._env.get_gripper_pose()[0]) / 255.0

    @property
    def opening(self) -> float:
        """Between the pads of the fingers [m]; never negative."""
        right, left = (self.data.geom_xpos[i] for i in self._pads)
        return max(0.0, float(np.linalg.norm(right - left)) - 2.0 * _HALF_PAD)

    @property
    def joints(self) -> tuple[Array, Array]:
        """Positions and velocities of the arm (7,) [rad, rad/s]."""
        return self.data.qpos[:7].copy(), self.data.qvel[:7].copy()

    @property
    def gripper_pose(self) -> Array:
        """The point between the fingers (7,); at rest the gripper points down."""
        return _pose(self.data.site_xpos[self._site], self.data.site_xmat[self._site], _POINTING_DOWN)

    @property
    def cube_pose(self) -> Array:
        """The middle of the cube (7,)."""
        return _pose(self.data.geom_xpos[self._block], self.data.geom_xmat[self._block], _UPRIGHT)

    @property
    def lifted(self) -> bool:
        """gym-hil's sparse reward: the cube is more than 10 cm above where it began."""
        return bool(self._env._compute_reward() == 1.0)

    @property
    def lost(self) -> bool:
        """gym-hil's end of an episode: the cube is 5 cm or more beside the area where it may begin."""
        place = self.data.geom_xpos[self._block, :2]
        return bool((place < self._low).any() or (place > self._high).any())


def scene_xml() -> str:
    """gym-hil's MJCF as one text, with the absolute path of its meshes. Raises MissingExtraError."""
    assets = Path(_import("gym_hil").__file__).parent / "assets"
    spec = mujoco.MjSpec.from_file(str(assets / "scene.xml"))
    spec.meshdir = str(assets)
    spec.compile()
    return str(spec.to_xml())


class _Blind:
    """Stands for the mujoco module, but for pictures."""

    class Renderer:
        """Takes what mujoco's takes and draws nothing."""

        def __init__(self, *args: Any, **options: Any) -> None: ...

        def render(self) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return getattr(mujoco, name)


@contextmanager
def _no_renderer() -> Iterator[None]:
    """gym-hil makes a renderer with every environment: 0.7 s, and an OpenGL context that physics can do without."""
    module = _import("gym_hil.mujoco_gym_env")
    module.mujoco = _Blind()
    try:
        yield
    finally:
        module.mujoco = mujoco


def _pose(position: Array, matrix: Array, reference: Array) -> Array:
    """Position and x y z w quaternion (7,), of the two signs the one nearest to `reference`."""
    turned = np.zeros(4)
    mujoco.mju_mat2Quat(turned, matrix)
    quaternion = np.roll(turned, -1)
    return np.concatenate([position, -quaternion if quaternion @ reference < 0.0 else quaternion])


_POINTING_DOWN = np.array([1.0, 0.0, 0.0, 0.0])  # x y z w
_UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if remedy := extras.explain(error):
            raise extras.MissingExtraError(remedy) from error
        raise
