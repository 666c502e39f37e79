"""What every hand has, whatever moves it: the grip point, and the camera that looks past its fingers."""

import mujoco

from praxia.envs.tabletop.robots.robot import GRIP, WRIST

__all__ = ["add_hand_frame"]


def add_hand_frame(hand: mujoco.MjsBody) -> None:
    """Mark `hand`'s origin, 5 mm above its fingertips' ends, as the grip point and mount the camera.

    The camera stands on the operator's side and looks 55 degrees down and away from him, below any palm: the
    fingertips are in its upper third, and from a hand 15 cm above the table it sees 25 cm of it.
    """
    hand.add_site(name=GRIP, group=5)
    hand.add_camera(name=WRIST, pos=[0, -0.085, 0.08], xyaxes=[1, 0, 0, 0, 0.82, 0.57], fovy=70)
