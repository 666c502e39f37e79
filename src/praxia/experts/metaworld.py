"""Meta-World's scripted experts."""

import os
import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from praxia.core.types import Decision, Query
from praxia.core.window import Window

__all__ = ["MetaWorldExpert"]


class MetaWorldExpert:
    """The scripted policies of the metaworld package (`ENV_POLICY_MAP`).

    Reads `query.privileged`: its `task`, such as "door-open", and its `observation`, float64[39] with the goal. Decides
    one step at a time, from these alone. The keys of `instructions` are the tasks that it can do.
    """

    privileged = True
    embodiment = None
    window = Window({"state": (0,)}, horizon=1)

    def __init__(self, instructions: Mapping[str, str]):
        # This imports MuJoCo, which then chooses its OpenGL backend for all environments of this process.
        os.environ.setdefault("MUJOCO_GL", "egl")
        from metaworld.policies import ENV_POLICY_MAP

        self._experts = {task: ENV_POLICY_MAP[f"{task}-v3"]() for task in instructions}

    def start(self, num_rows: int) -> None:
        return None

    def act(self, queries: Sequence[Query], carry: None) -> tuple[list[Decision], None]:
        return [self._decide(query) for query in queries], None

    def _decide(self, query: Query) -> Decision:
        assert query.privileged is not None, "an expert needs privileged state"
        expert = self._experts[str(query.privileged["task"])]
        with warnings.catch_warnings():  # some exceed the action range, and warn at each step
            warnings.filterwarnings("ignore", message="Constant", category=UserWarning)
            wanted = expert.get_action(query.privileged["observation"])
        action = np.clip(wanted, -1, 1).astype(np.float32)
        return Decision(action[None], np.ones(1, dtype=bool))
