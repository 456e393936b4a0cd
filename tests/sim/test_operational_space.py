"""The operational-space controller on a planar arm whose gravity and motion are worked out by hand."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from robot_rl.sim.operational_space import (
    Gains,
    OperationalSpaceController,
    Reference,
    rotation_from_vector,
    vector_from_rotation,
)

LINK = (
    '<body name="l{i}" pos="{x} 0 0"><joint name="j{i}" axis="{axis}"/>'
    '<geom type="capsule" size="0.02" fromto="0 0 0 0.3 0 0" mass="1"/>{inner}</body>'
)


def chain(axes: list[str]) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """An arm of links 0.3 m and 1 kg along x, with a motor for each joint and a site at its tip."""
    inner = '<site name="tip" pos="0.3 0 0"/>'
    for i in reversed(range(len(axes))):
        inner = LINK.format(i=i, x=0.3 if i else 0, axis=axes[i], inner=inner)
    motors = "".join(f'<motor joint="j{i}" ctrlrange="-50 50"/>' for i in range(len(axes)))
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><option timestep="0.002"/><worldbody>{inner}</worldbody><actuator>{motors}</actuator></mujoco>'
    )
    return model, mujoco.MjData(model)


def controlled(
    axes: list[str], qpos: list[float], home: list[float]
) -> tuple[mujoco.MjModel, mujoco.MjData, OperationalSpaceController]:
    model, data = chain(axes)
    data.qpos[:] = qpos
    mujoco.mj_step1(model, data)
    return model, data, OperationalSpaceController(model, data, 0, np.arange(len(axes)), np.array(home), Gains())


SIX = ["0 0 1", "0 1 0", "0 1 0", "1 0 0", "0 1 0", "0 0 1"]
BENT = [0.1, -0.9, 1.4, 0.3, 0.6, -0.2]
SEVEN = ["0 0 1", "0 1 0", "0 0 1", "0 1 0", "1 0 0", "0 1 0", "0 0 1"]
BENT7 = [0.1, -0.9, 0.2, 1.4, 0.3, 0.6, -0.2]


def run(model: mujoco.MjModel, data: mujoco.MjData, law: OperationalSpaceController, ref: Reference, n: int) -> None:
    for _ in range(n):
        ref.advance()
        data.ctrl[:] = law.torques(ref)
        mujoco.mj_step2(model, data)
        mujoco.mj_step1(model, data)


def here(data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    return data.site_xpos[0].copy(), data.site_xmat[0].reshape(3, 3).copy()


def test_at_rest_on_the_reference_the_torques_carry_gravity_alone() -> None:
    _, data, law = controlled(SIX, BENT, home=BENT)
    reference = Reference()
    reference.hold(*here(data))
    np.testing.assert_allclose(law.torques(reference), data.qfrc_bias, atol=1e-9)


def test_the_tip_follows_a_constant_velocity_and_keeps_its_rotation() -> None:
    model, data, law = controlled(SIX, BENT, home=BENT)
    reference = Reference()
    start, rotation = here(data)
    reference.hold(start, rotation)
    reference.set_velocity(np.array([0.05, -0.1, 0.1]), np.zeros(3), dt=0.002)
    run(model, data, law, reference, 500)
    np.testing.assert_allclose(here(data)[0] - start, [0.05, -0.1, 0.1], atol=2e-3)
    assert np.linalg.norm(vector_from_rotation(here(data)[1] @ rotation.T)) < 0.02


def test_the_posture_moves_the_joints_and_not_the_tip() -> None:
    model, data, law = controlled(SEVEN, BENT7, home=[0.1, -0.9, 0.7, 1.4, 0.3, 0.6, -0.2])
    reference = Reference()
    start, rotation = here(data)
    reference.hold(start, rotation)
    run(model, data, law, reference, 1000)
    assert np.abs(data.qpos - BENT7).max() > 0.02
    np.testing.assert_allclose(here(data)[0], start, atol=1e-3)


def test_torques_stay_within_the_motors() -> None:
    _, data, law = controlled(SIX, BENT, home=BENT)
    reference = Reference()
    reference.hold(data.site_xpos[0] + [5.0, 5.0, 5.0], np.eye(3))
    torques = law.torques(reference)
    assert np.abs(torques).max() == 50.0


def test_the_reference_leads_by_no_more_than_it_may() -> None:
    reference = Reference()
    reference.hold(np.array([0.3, 0.0, 0.4]), rotation_from_vector(np.array([0.0, 0.0, 0.9])))
    reference.limit_lead(np.zeros(3), np.eye(3), 0.05, 0.3)
    np.testing.assert_allclose(reference.position, [0.05, 0.0, 0.05])  # axis by axis
    np.testing.assert_allclose(vector_from_rotation(reference.rotation), [0.0, 0.0, 0.3])
    before = reference.position.copy(), reference.rotation.copy()
    reference.limit_lead(np.zeros(3), np.eye(3), 0.06, 0.06, 0.06, 0.31, 0.31, 0.31)
    np.testing.assert_allclose(reference.position, before[0])
    np.testing.assert_allclose(reference.rotation, before[1], atol=1e-12)


def test_the_reference_integrates_its_velocity() -> None:
    reference = Reference()
    reference.hold(np.zeros(3), np.eye(3))
    reference.set_velocity(np.array([0.1, 0.0, 0.0]), np.array([0.0, 0.5, 0.0]), dt=0.01)
    for _ in range(100):
        reference.advance()
    np.testing.assert_allclose(reference.position, [0.1, 0.0, 0.0])
    np.testing.assert_allclose(vector_from_rotation(reference.rotation), [0.0, 0.5, 0.0], atol=1e-12)


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.0], [1e-10, 0.0, 0.0], [0.2, -0.3, 0.1], [0.0, 3.0, 0.0]])
def test_rotation_vectors_survive_the_round_trip(vector: list[float]) -> None:
    rotation = rotation_from_vector(np.array(vector))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(vector_from_rotation(rotation), vector, atol=1e-9)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    rotation = rotation_from_vector(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(rotation @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-15)
