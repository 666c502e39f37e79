"""The position servo that drives every joint of a robot."""

import mujoco

__all__ = ["add_servo"]


def add_servo(
    spec: mujoco.MjSpec, joint: str, limits: tuple[float, float], *, stiffness: float, damping: float, force: float
) -> None:
    """Drive `joint` with force = stiffness (target - position) - damping velocity, within ± `force`.

    The actuator bears the joint's name; its target is kept within `limits`. Damping is integrated implicitly, after
    contacts were solved without it: where damping times the time step is not small against the joint's inertia
    (more than about a half), hand and object part company at each jolt and what is held slips out. Damp less, or
    give the joint a heavier armature.
    """
    servo = spec.add_actuator(
        name=joint,
        target=joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        forcelimited=mujoco.mjtLimited.mjLIMITED_TRUE,
        forcerange=[-force, force],
        ctrllimited=mujoco.mjtLimited.mjLIMITED_TRUE,
        ctrlrange=limits,
    )
    servo.set_to_position(kp=stiffness, kv=damping)
