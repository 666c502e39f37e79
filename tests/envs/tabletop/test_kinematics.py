"""Kinematics against finite differences and scipy's rotations."""

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from praxia.envs.tabletop.robots.arm6 import ARM6
from praxia.envs.tabletop.robots.arm7 import ARM7
from praxia.envs.tabletop.robots.controls import Kinematics
from praxia.envs.tabletop.robots.robot import GRIP, WORKSPACE_HIGH_M, WORKSPACE_LOW_M


@pytest.fixture(params=[ARM6, ARM7], ids=lambda arm: arm.name)
def arm(request):
    return request.param


@pytest.fixture
def model(arm):
    spec = mujoco.MjSpec()
    arm.add_chain(spec)
    return spec.compile()


@pytest.fixture
def kinematics(arm, model):
    return Kinematics(model, np.array(arm.posture))


@pytest.fixture
def joints(arm):
    return np.array(arm.home_rad) + np.random.default_rng(0).uniform(-0.3, 0.3, len(arm.home_rad))


def pose(model, joints):
    data = mujoco.MjData(model)
    data.qpos[:] = joints
    mujoco.mj_forward(model, data)
    return data.site(GRIP).xpos.copy(), Rotation.from_matrix(data.site(GRIP).xmat.reshape(3, 3))


def test_the_grip_is_at_the_simulators_position(model, kinematics, joints):
    np.testing.assert_allclose(kinematics.grip(joints), pose(model, joints)[0], atol=1e-12)


def test_the_jacobian_agrees_with_finite_differences(model, kinematics, joints):
    small = 1e-6
    jacobian = kinematics.jacobian(joints)
    for i in range(len(joints)):
        step = small * np.eye(len(joints))[i]
        (behind, turned_back), (ahead, turned) = pose(model, joints - step), pose(model, joints + step)
        np.testing.assert_allclose(jacobian[:3, i], (ahead - behind) / (2 * small), atol=1e-8)
        np.testing.assert_allclose(jacobian[3:, i], (turned * turned_back.inv()).as_rotvec() / (2 * small), atol=1e-8)


def test_tilt_is_the_rotation_that_brings_the_hand_upright(model, kinematics, joints):
    upright = Rotation.from_rotvec(kinematics.tilt(joints)) * pose(model, joints)[1]
    assert upright.magnitude() < 1e-9


def test_a_path_through_the_workspace_arrives_and_returns_to_the_same_joints(arm, kinematics):
    rng = np.random.default_rng(1)
    home = joints = kinematics.joints(kinematics.grip(np.array(arm.home_rad)), np.array(arm.home_rad))
    position = start = kinematics.grip(home)
    for goal in (*rng.uniform(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, (6, 3)), start):
        while np.abs(goal - position).max() > 1e-9:
            position = position + np.clip(goal - position, -0.02, 0.02)
            joints = kinematics.joints(position, joints)
            assert np.linalg.norm(kinematics.grip(joints) - position) < 5e-5
            assert np.linalg.norm(kinematics.tilt(joints)) < 1e-3
    np.testing.assert_allclose(joints, home, atol=1e-3)


def test_joints_do_not_depend_on_earlier_calls(arm, model, kinematics):
    home = np.array(arm.home_rad)
    position = np.array([0.02, 0.04, 0.2])
    first = kinematics.joints(position, home)
    kinematics.joints(np.array([-0.02, 0.06, 0.24]), home + 0.01)
    assert kinematics.joints(position, home).tobytes() == first.tobytes()
    assert Kinematics(model, np.array(arm.posture)).joints(position, home).tobytes() == first.tobytes()
