"""The arms on an empty table: reach, tracking, grasps, and that they have no state of their own."""

import itertools
from dataclasses import replace

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from praxia.envs.tabletop.robots.arm6 import ARM6, ARM6_JOINTS
from praxia.envs.tabletop.robots.arm7 import ARM7, ARM7_JOINTS
from praxia.envs.tabletop.robots.gantry import GANTRY
from praxia.envs.tabletop.robots.robot import CONTROL_HZ, GRIP, NUM_USER_DATA, WORKSPACE_HIGH_M, WORKSPACE_LOW_M, WRIST

HANDS, JOINTS = (ARM6, ARM7), (ARM6_JOINTS, ARM7_JOINTS)
BOX, BALL, CYLINDER = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_CYLINDER
THINGS = {
    "small cube": (BOX, [0.0175] * 3),
    "large cube": (BOX, [0.03] * 3),
    "ball": (BALL, [0.025, 0, 0]),
    "cylinder": (CYLINDER, [0.0225, 0.03, 0]),
    "puck": (CYLINDER, [0.03, 0.0175, 0]),
}
MIDDLE = np.add(WORKSPACE_LOW_M, WORKSPACE_HIGH_M) / 2
OPEN, CLOSED = -1.0, 1.0

named = pytest.mark.parametrize


class Table:
    """A robot at home behind a table, with at most one loose thing of 100 g on it."""

    def __init__(self, robot, thing=None, at=(0.0, 0.0), yaw_rad=0.0):
        spec = mujoco.MjSpec()
        spec.option.timestep, spec.option.integrator = 0.005, mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.cone, spec.option.impratio = mujoco.mjtCone.mjCONE_ELLIPTIC, 10
        spec.nuserdata = NUM_USER_DATA
        spec.worldbody.add_geom(name="table", type=BOX, size=[0.42, 0.34, 0.02], pos=[0, 0, -0.02], conaffinity=3)
        if thing:
            shape, size = THINGS[thing]
            height = {BALL: size[0], CYLINDER: size[1]}.get(shape, size[2])
            turn = [np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)]
            loose = spec.worldbody.add_body(name="thing", pos=[*at, height], quat=turn)
            loose.add_freejoint()
            loose.add_geom(type=shape, size=size, mass=0.1, condim=4, friction=[1, 0.005, 0.0001], conaffinity=3)
        robot.add(spec)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.controls = robot.bind(self.model)
        self.controls.home(self.data)
        mujoco.mj_forward(self.model, self.data)

    def step(self, action):
        self.controls.command(self.data, np.asarray(action, np.float32))
        mujoco.mj_step(self.model, self.data, round(1 / CONTROL_HZ / self.model.opt.timestep))
        mujoco.mj_forward(self.model, self.data)

    def move_to(self, position, gripper=OPEN, steps=50):
        for _ in range(steps):
            self.step([*np.clip(100 * (position - self.data.userdata[:3]), -2, 2), gripper])

    @property
    def grip(self):
        return self.data.site(GRIP).xpos.copy()

    @property
    def tilt_deg(self):
        return np.rad2deg(Rotation.from_matrix(self.data.site(GRIP).xmat.reshape(3, 3)).magnitude())

    @property
    def thing(self):
        return self.data.body("thing").xpos.copy()

    @property
    def state(self):
        state = np.empty(mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(self.model, self.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        return state


@named("robot", HANDS, ids=lambda robot: robot.name)
def test_hand_controlled_arms_have_the_gantrys_embodiment(robot):
    size = 32
    assert replace(robot.embodiment(size), name="") == replace(GANTRY.embodiment(size), name="")


@named("robot", HANDS + JOINTS, ids=lambda robot: robot.name)
def test_home_is_high_over_the_middle_open_and_at_rest(robot):
    table = Table(robot)
    np.testing.assert_allclose(table.grip, [0, 0.05, 0.22], atol=1e-3)
    assert table.tilt_deg < 0.1
    assert table.controls.state(table.data)[-1] == pytest.approx(1)
    mujoco.mj_step(table.model, table.data, 100)
    np.testing.assert_allclose(table.grip, [0, 0.05, 0.22], atol=1e-3)
    assert table.controls.state(table.data).shape == (robot.embodiment(32).state_dim,)


@named("robot", HANDS, ids=lambda robot: robot.name)
def test_every_corner_of_the_workspace_is_reached_upright(robot):
    corners = itertools.product(*zip(WORKSPACE_LOW_M, WORKSPACE_HIGH_M, strict=True))
    for position in (*corners, MIDDLE):
        table = Table(robot)
        table.move_to(np.array(position), steps=40)
        assert np.linalg.norm(table.grip - position) < 0.003, position
        assert table.tilt_deg < 1, position


@named("robot", HANDS, ids=lambda robot: robot.name)
@named("axis", range(3))
def test_a_step_of_2_cm_is_followed_as_by_the_gantry(robot, axis):
    step = np.zeros(4)
    step[axis], step[3] = -2, OPEN
    for position in (MIDDLE, np.array([0.2, -0.15, 0.1])):
        table = Table(robot)
        table.move_to(position)
        before = table.grip
        moved_cm = []
        for action in (step, [0, 0, 0, OPEN], [0, 0, 0, OPEN], [0, 0, 0, OPEN]):
            table.step(action)
            moved_cm.append(-100 * (table.grip - before)[axis])
        assert 1.2 < moved_cm[0] < 2
        assert 1.85 < moved_cm[1] < 2.1
        assert moved_cm[3] == pytest.approx(2, abs=0.02)


@named("robot", HANDS, ids=lambda robot: robot.name)
@named("thing", THINGS)
def test_a_grasped_thing_stays_in_the_hand_when_lifted_and_shaken(robot, thing):
    table = Table(robot, thing, at=(0.08, -0.05), yaw_rad=0.3)
    position = np.array([0.08, -0.05, max(table.thing[2] - 0.01, 0.005)])
    table.move_to(np.add(position, [0, 0, 0.1]), steps=20)
    table.move_to(position, steps=12)
    for _ in range(8):
        table.step([0, 0, 0, CLOSED])
    offset = table.thing - table.grip
    for up in (2, 2, 2, 2, 2):
        table.step([0, 0, up, CLOSED])
    for i in range(24):
        shake = np.zeros(4)
        shake[(i // 8) % 3], shake[3] = 2 if i // 2 % 2 else -2, CLOSED
        table.step(shake)
    for _ in range(20):
        table.step([0, 0, 0, CLOSED])
    assert np.linalg.norm(table.thing - table.grip - offset) < 0.006


@named("robot", HANDS, ids=lambda robot: robot.name)
def test_a_blocked_hand_presses_with_a_bounded_force_and_returns_at_once(robot):
    table = Table(robot, "large cube")
    table.move_to(np.array([0, 0, 0.10]), CLOSED, steps=20)
    for _ in range(20):
        table.step([0, 0, -2, CLOSED])
    assert table.grip[2] - table.data.userdata[2] < 0.031
    force = np.zeros(6)
    pressed = 0.0
    for i, contact in enumerate(table.data.contact):
        if any(table.model.geom(geom).name.startswith("finger") for geom in contact.geom):
            mujoco.mj_contactForce(table.model, table.data, i, force)
            pressed += force[0]
    assert 20 < pressed < 80
    for _ in range(4):
        table.step([0, 0, 2, CLOSED])
    assert table.grip[2] > 0.08


@named("robot", HANDS + JOINTS, ids=lambda robot: robot.name)
def test_commands_depend_on_the_simulators_state_alone(robot):
    rng = np.random.default_rng(0)
    dim = robot.embodiment(32).action_dim
    scale = np.array([2.0, 2, 2, 1] if dim == 4 else [0.5] * (dim - 1) + [1])
    actions = rng.uniform(-scale, scale, (20, dim)).astype(np.float32)
    one, other = Table(robot, "ball"), Table(robot, "ball")
    for action in actions[:10]:
        one.step(action)
        other.step(action)
    assert one.state.tobytes() == other.state.tobytes()
    middle = one.state
    for action in actions[10:]:
        one.step(action)
    # The same ten steps by another binding on another table, from the state in the middle.
    strange = Table(robot, "ball")
    strange.step(actions[-1])
    mujoco.mj_setState(strange.model, strange.data, middle, mujoco.mjtState.mjSTATE_INTEGRATION)
    mujoco.mj_forward(strange.model, strange.data)
    mujoco.mj_setState(strange.model, strange.data, middle, mujoco.mjtState.mjSTATE_INTEGRATION)
    for action in actions[10:]:
        strange.step(action)
    assert one.state.tobytes() == strange.state.tobytes()


@named("robot", JOINTS, ids=lambda robot: robot.name)
def test_a_joint_controlled_arm_follows_its_targets(robot):
    table = Table(robot)
    state = table.controls.state(table.data)
    before = table.grip
    for _ in range(10):
        table.step([*state[:-1], OPEN])
    np.testing.assert_allclose(table.grip, before, atol=1e-3)
    target = state[:-1] + 0.2
    for _ in range(12):
        table.step([*target, CLOSED])
    now = table.controls.state(table.data)
    np.testing.assert_allclose(now[:-1], target, atol=2e-3)
    assert now[-1] < 0.02
    np.testing.assert_allclose(table.controls.privileged(table.data)["joint_targets"], target, atol=1e-6)


@named("robot", JOINTS, ids=lambda robot: robot.name)
def test_an_expert_can_move_a_joint_controlled_arm_by_jacobian_and_tilt(robot):
    table = Table(robot)
    goal = np.array([0.2, -0.15, 0.08])
    for _ in range(40):
        known = table.controls.privileged(table.data)
        move = np.clip(goal - known["grip"], -0.015, 0.015)
        joints = known["joint_targets"] + np.linalg.pinv(known["jacobian"]) @ [*move, *known["tilt"]]
        table.step([*joints, OPEN])
    assert np.linalg.norm(table.grip - goal) < 0.002
    assert table.tilt_deg < 0.5
    assert known["opening"] > 0.95


@named("robot", HANDS, ids=lambda robot: robot.name)
def test_a_closed_grippers_tips_meet_below_the_grip_and_an_open_one_spans_8_cm(robot):
    table = Table(robot)
    pads = [table.data.geom(name) for name in ("finger_left", "finger_right")]
    assert 0.08 < pads[1].xpos[0] - pads[0].xpos[0] < 0.10
    for _ in range(15):
        table.step([0, 0, 0, CLOSED])
    ends = [pad.xpos - pad.xmat.reshape(3, 3) @ [0, 0, 0.0225] for pad in pads]
    assert abs(ends[1][0] - ends[0][0]) < 0.015
    assert table.grip[2] - ends[0][2] == pytest.approx(0.005, abs=0.003)


@named("robot", HANDS, ids=lambda robot: robot.name)
def test_the_wrist_camera_sees_the_fingertips_and_25_cm_of_table(robot):
    table = Table(robot)
    table.move_to(np.array([0, 0, 0.15]), steps=20)
    camera = table.data.camera(WRIST)
    half = np.tan(np.deg2rad(table.model.camera(WRIST).fovy[0]) / 2)

    def in_image(point):
        x, y, z = camera.xmat.reshape(3, 3).T @ (point - camera.xpos)
        return max(abs(x), abs(y)) < -z * half

    for name in ("finger_left", "finger_right"):
        pad = table.data.geom(name)
        assert in_image(pad.xpos - pad.xmat.reshape(3, 3) @ [0, 0, 0.0225])
    assert all(in_image(np.array([x, y, 0])) for x in (-0.125, 0.125) for y in (-0.08, 0.17))


@named("robot", HANDS, ids=lambda robot: robot.name)
def test_an_arm_is_cheap_to_render(robot):
    table = Table(robot)
    assert table.model.ngeom - 1 <= 17
    assert not table.model.nmesh
