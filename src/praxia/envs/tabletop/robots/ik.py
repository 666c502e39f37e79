"""From a place of the hand to the joints of an arm, and back: on a model of the arm alone, with no memory."""

import mink
import mujoco
import numpy as np
from jaxtyping import Float64

from praxia.envs.tabletop.robots.robot import GRIP

__all__ = ["Kinematics"]

# Newton steps from the joints of the step before: the first leaves up to 2.3 mm, the second 0.01 mm.
NUM_STEPS = 2


class Kinematics:
    """The kinematics of one arm. Every method is a function of its arguments alone.

    `model` holds the arm's J joints and nothing else that moves; `posture` [J] says how much each joint is drawn to
    zero where the hand leaves it free. Inverse kinematics are mink's differential ones (Zakka 2024): a quadratic
    programme with the joints' limits as constraints, a frame task for the hand and a posture task.
    """

    def __init__(self, model: mujoco.MjModel, posture: Float64[np.ndarray, " J"]):
        self._now = mink.Configuration(model)
        self._hand = mink.FrameTask(GRIP, "site", position_cost=1.0, orientation_cost=0.3)
        self._posture = mink.PostureTask(model, cost=posture)
        self._posture.set_target(np.zeros(model.nq))
        self._limits = [mink.ConfigurationLimit(model)]
        self._site = model.site(GRIP).id

    def joints(self, place_m: Float64[np.ndarray, " 3"], near: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, " J"]:
        """Joints within their limits that bring the grip to `place_m`, straight down, from those of a place nearby."""
        self._hand.set_target(mink.SE3.from_translation(place_m))
        self._now.update(near)
        for _ in range(NUM_STEPS):
            step = mink.solve_ik(
                self._now, (self._hand, self._posture), dt=1.0, solver="daqp", damping=1e-6, limits=self._limits
            )
            self._now.integrate_inplace(step, 1.0)
        return self._now.q.copy()

    def grip(self, joints: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, " 3"]:
        """Where the grip point is, in metres."""
        self._now.update(joints)
        return self._now.data.site_xpos[self._site].copy()

    def tilt(self, joints: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, " 3"]:
        """The rotation vector, in the world's frame and radians, that would bring the hand straight down."""
        self._now.update(joints)
        return -mink.SO3.from_matrix(self._now.data.site_xmat[self._site].reshape(3, 3)).log()

    def jacobian(self, joints: Float64[np.ndarray, " J"]) -> Float64[np.ndarray, "6 J"]:
        """The grip's velocity, then the hand's angular velocity, in the world's frame, a unit of each joint's."""
        self._now.update(joints)
        jacobian = np.empty((6, self._now.nv))
        mujoco.mj_jacSite(self._now.model, self._now.data, jacobian[:3], jacobian[3:], self._site)
        return jacobian
