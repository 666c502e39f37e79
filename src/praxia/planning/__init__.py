"""Planning in a world: solvers and objectives, which know no network, and the policy that they make of a world.

Solvers are registered here by tag; outside packages use the entry-point group `praxia.solvers`.
"""

from typing import Any

from praxia.core.registry import lookup

__all__ = ["SOLVERS", "find_solver"]

SOLVERS = {
    "cem": "praxia.planning.cem:CEM",
    "gradient": "praxia.planning.gradient:Gradient",
    "mppi": "praxia.planning.mppi:MPPI",
}


def find_solver(tag: str) -> Any:
    """The class of a solver.

    Raises:
        UnknownName: with the nearest tags.
    """
    return lookup("solvers", SOLVERS, tag, kind="solver", listing="praxia plan --help")
