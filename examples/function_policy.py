"""A plain function as a policy: it passes the obstacle of the benchmark `bimodal` on the right.

In this folder:

    praxia eval function_policy:make --benchmark bimodal --episodes 20 --out function.jsonl
    praxia compare function_policy:make expert --benchmark bimodal --until-decided --out versus
"""

import numpy as np

# As far from the obstacle's centre as the path keeps, and 0.2 m/s below the robot's maximum.
ASIDE_M, SPEED_M_S = 0.58, 0.8


def make(embodiment):
    """Praxia calls this once, with what the benchmark's vectors mean: `embodiment.state`, `.action`, `.cameras`, ..."""
    assert embodiment.name == "bimodal", f"this policy knows bimodal alone, not {embodiment.name}"

    def act(observation):
        """From {"images", "state", "instruction"} to a velocity [2] in m/s."""
        robot, obstacle, goal = np.split(observation["state"], 3)
        beside = obstacle + np.array([ASIDE_M, 0.0])
        target = beside if robot[1] < obstacle[1] else goal
        return SPEED_M_S * (target - robot) / np.linalg.norm(target - robot)

    return act
