"""SceneRenderer and MujocoCamera on a scene small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Iterator

import mujoco
import numpy as np
import pytest

from robot_rl.hardware.camera import CameraError
from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.hardware.robot import SceneState
from robot_rl.sim import renderer as renderer_module
from robot_rl.sim.camera import MujocoCamera, scene_camera
from robot_rl.sim.meshes import simplify_visual_meshes
from robot_rl.sim.renderer import SceneRenderer

SCENE = """
<mujoco>
  <visual><headlight ambient="1 1 1" diffuse="0 0 0" specular="0 0 0"/></visual>
  <worldbody>
    <camera name="top" pos="0 0 2" fovy="90"/>
    <geom name="ground" type="plane" size="100 100 1" rgba="0 0 1 1"/>
    <body name="ball" pos="0 0 0.5">
      <joint name="x" type="slide" axis="1 0 0"/>
      <geom type="box" size="0.2 0.2 0.2" rgba="1 0 0 1"/>
    </body>
    <body pos="-0.5 0 0"><geom type="box" size="0.1 0.1 0.1" rgba="0 1 0 1" group="3"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="module")
def renderer() -> Iterator[SceneRenderer]:
    made = SceneRenderer(SCENE)
    yield made
    made.close()


def test_a_box_appears_where_the_pinhole_says(renderer: SceneRenderer) -> None:
    x = 0.4
    picture = renderer.render(np.array([x]), "top", 100, 100)
    assert picture.shape == (100, 100, 3)
    assert picture.dtype == np.uint8
    red = np.argwhere((picture[..., 0] > 200) & (picture[..., 2] < 50))
    # The top face is at height 0.7, so 1.3 m below the camera; f = 50 px. Its left edge is at x = 0.2, and the
    # right one at 0.6 hides its side: columns 49.5 + 50 * (0.2 .. 0.6) / 1.3. Rows: +-0.2 m.
    k = renderer.intrinsics("top", 100, 100)
    assert (k.fx, k.fy, k.cx, k.cy) == (pytest.approx(50.0), pytest.approx(50.0), 49.5, 49.5)
    assert red[:, 1].max() == pytest.approx(k.cx + k.fx * 0.6 / 1.3, abs=1.0)
    assert red[:, 0].min() == pytest.approx(k.cy - k.fy * 0.2 / 1.3, abs=1.0)
    assert red[:, 0].max() == pytest.approx(k.cy + k.fy * 0.2 / 1.3, abs=1.0)


def test_depth_is_millimetres_along_the_optical_axis(renderer: SceneRenderer) -> None:
    _, depth = renderer.render(np.array([0.0]), "top", 100, 100, depth=True)
    assert depth.dtype == np.uint16
    assert depth[50, 50] == pytest.approx(1300, abs=3)
    assert depth[50, 5] == pytest.approx(2000, abs=5)


def test_depth_beyond_16_bits_is_unknown() -> None:
    scene = SCENE.replace('pos="0 0 2"', 'pos="0 0 70"').replace("<visual>", '<visual><map znear="0.1" zfar="1000"/>')
    far = SceneRenderer(scene)
    _, depth = far.render(np.array([0.0]), "top", 40, 40, depth=True)
    assert depth[2, 2] == 0  # the ground is 70 m away
    far.close()


def test_hidden_groups_are_not_drawn(renderer: SceneRenderer) -> None:
    picture = renderer.render(np.array([0.0]), "top", 100, 100)
    assert not ((picture[..., 1] > 100) & (picture[..., 0] < 100)).any()


def test_pictures_follow_the_state_and_repeat_exactly(renderer: SceneRenderer) -> None:
    there = renderer.render(np.array([0.3]), "top", 64, 64).copy()
    assert not np.array_equal(renderer.render(np.array([-0.3]), "top", 64, 64), there)
    np.testing.assert_array_equal(renderer.render(np.array([0.3]), "top", 64, 64), there)


def test_unknown_cameras_and_foreign_states_are_named(renderer: SceneRenderer) -> None:
    with pytest.raises(CameraError, match="Did you mean 'top'"):
        renderer.render(np.array([0.0]), "tip", 64, 64)
    with pytest.raises(CameraError, match=r"shape \(3,\), the scene has \(1,\)"):
        renderer.render(np.zeros(3), "top", 64, 64)
    with pytest.raises(CameraError, match="cannot be compiled"):
        SceneRenderer("<mujoco><worldbody><body/></wrong></mujoco>")


def test_simplified_meshes_keep_their_place_and_extent() -> None:
    spec = _sphere_scene()
    before = spec.copy().compile()
    simplify_visual_meshes(spec, max_faces=200)
    after = spec.compile()
    assert before.mesh_facenum[0] > 2000
    assert after.mesh_facenum[0] <= 200
    for model in (before, after):
        low, high = _extent(model)
        np.testing.assert_allclose(low, [0.9, 1.8, 2.6], atol=0.02)
        np.testing.assert_allclose(high, [1.1, 2.2, 3.4], atol=0.02)


def _sphere_scene() -> mujoco.MjSpec:
    """An ellipsoid of semi-axes 0.1, 0.2, 0.4 about (1, 2, 3), as a fine mesh of one visual geom."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 60), np.linspace(0, np.pi, 40))
    unit = np.stack([np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)], -1).reshape(-1, 3)
    index = np.arange(39 * 60).reshape(39, 60)[:, :-1].ravel()
    faces = np.concatenate(
        [np.stack([index, index + 60, index + 1], 1), np.stack([index + 1, index + 60, index + 61], 1)]
    )
    spec = mujoco.MjSpec()
    mesh = spec.add_mesh(name="egg", uservert=(unit * [0.1, 0.2, 0.4]).ravel(), userface=faces.ravel())
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="egg", pos=[1, 2, 3], contype=0, conaffinity=0)
    return spec


def _extent(model: mujoco.MjModel) -> tuple[np.ndarray, np.ndarray]:
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    world = model.mesh_vert @ data.geom_xmat[0].reshape(3, 3).T + data.geom_xpos[0]
    return world.min(axis=0), world.max(axis=0)


CROWD = """
<mujoco><worldbody>
  <camera name="eye" pos="0 0 1" xyaxes="1 0.1 0 0 0.2 1" fovy="50"/>
  <camera name="flat" pos="0 0 1" projection="orthographic" fovy="2"/>
  <light pos="0 0 5"/><geom type="plane" size="9 9 1"/>{balls}
</worldbody></mujoco>
"""


def test_leaving_out_what_is_out_of_view_changes_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    places = [" ".join(f"{v:.3f}" for v in rng.uniform(-4, 4, 3)) for _ in range(150)]
    crowd = SceneRenderer(
        CROWD.format(
            balls="".join(f'<geom size="0.3" pos="{p}" rgba="{i / 150} 0.5 0.2 1"/>' for i, p in enumerate(places))
        )
    )
    for camera, shown in (("eye", 0.3), ("flat", 1.0)):
        culled = crowd.render(np.zeros(0), camera, 160, 90, depth=True)
        drawn = (crowd.model.geom_group < 3).mean()
        assert drawn <= shown
        with monkeypatch.context() as patch:
            patch.setattr(renderer_module, "in_view", lambda model, *_: np.ones(model.ngeom, bool))
            whole = crowd.render(np.zeros(0), camera, 160, 90, depth=True)
        np.testing.assert_array_equal(culled[0], whole[0])
        np.testing.assert_array_equal(culled[1], whole[1])
    assert drawn == 1.0  # an orthographic camera is not culled
    crowd.close()


def test_a_camera_gives_one_frame_a_period_and_counts_those_missed(renderer: SceneRenderer) -> None:
    states = [SceneState(0, np.array([0.0]), np.zeros(1))]
    config = CameraConfig("above", "mujoco", 64, 48, fps=20.0, depth=True, options={"camera": "top"})
    camera = MujocoCamera(config, renderer, lambda: states[-1])
    camera.open()
    assert (camera.intrinsics.width, camera.intrinsics.height) == (64, 48)
    first = camera.read(timeout=0)
    assert (first.stamp, first.number, first.clock) == (0, 1, "simulated")
    assert first.color.shape == (48, 64, 3)
    assert first.depth is not None and first.depth.shape == (48, 64)
    with pytest.raises(CameraError, match="not moved on by a frame period"):
        camera.read(timeout=0)
    states.append(SceneState(200_000_000, np.array([0.1]), np.zeros(1)))  # four periods later
    assert camera.read(timeout=0).number == 5
    status = camera.status()
    assert (status["frames"], status["dropped"], status["rate"]) == (2, 3, pytest.approx(5.0))


def test_a_camera_the_scene_lacks_fails_at_open(renderer: SceneRenderer) -> None:
    camera = MujocoCamera(CameraConfig("side", "mujoco", 64, 48, fps=20.0), renderer, lambda: None)
    with pytest.raises(CameraError, match="no camera 'side'"):
        camera.open()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"camra": "top"}, r"camera 'side' \(mujoco\): options: unknown option 'camra'. Did you mean 'camera'"),
        ({"camera": 0}, r"camera 'side' \(mujoco\): options.camera is 0; it must be a text"),
        ({"watch": {"nope": 1}}, r"camera 'side' \(mujoco\): options: unknown option 'watch'"),
    ],
)
def test_options_that_it_does_not_take_are_refused(renderer: SceneRenderer, options: dict, says: str) -> None:
    config = CameraConfig("side", "mujoco", 64, 48, fps=20.0, options=options)
    with pytest.raises(ConfigError, match=says):
        MujocoCamera(config, renderer, lambda: None)


def test_it_looks_through_the_camera_of_its_own_name_unless_told_otherwise() -> None:
    assert scene_camera(CameraConfig("side", "mujoco", 64, 48, fps=20.0)) == "side"
    assert scene_camera(CameraConfig("side", "mujoco", 64, 48, fps=20.0, options={"camera": "top"})) == "top"
