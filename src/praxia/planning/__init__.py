"""Planning in a world: solvers and objectives, which know no network, and the policy that they make of a world.

Both are registered here by tag; outside packages use the groups `praxia.solvers` and `praxia.objectives`.
"""

from typing import Any

from praxia.core.registry import lookup

__all__ = ["OBJECTIVES", "SOLVERS", "find_objective", "find_solver"]

OBJECTIVES = {
    "goal-distance": "praxia.planning.objectives:GoalDistance",
    "goal-path": "praxia.planning.objectives:GoalPath",
    "reward": "praxia.planning.objectives:Reward",
}
SOLVERS = {
    "cem": "praxia.planning.cem:CEM",
    "gradient": "praxia.planning.gradient:Gradient",
    "mppi": "praxia.planning.mppi:MPPI",
}


def find_objective(tag: str) -> Any:
    """The class of an objective. Raises UnknownName, with the nearest tags."""
    return lookup("objectives", OBJECTIVES, tag, kind="objective", listing="praxia plan --help")


def find_solver(tag: str) -> Any:
    """The class of a solver. Raises UnknownName, with the nearest tags."""
    return lookup("solvers", SOLVERS, tag, kind="solver", listing="praxia plan --help")
