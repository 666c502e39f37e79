"""Policies of other people: a plain function as a policy, and what keeps an exception to the episode that raised it."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.errors import PraxiaError, UnknownName, crash_text
from praxia.core.types import Decision, Observation, Policy, Query
from praxia.core.window import Window

__all__ = ["Act", "FunctionPolicy", "GuardedPolicy", "exception_text"]

# From an observation to an action [A] or a chunk of actions [H, A], in declared units.
Act = Callable[[dict[str, Any]], Any]


class FunctionPolicy:
    """A plain function as a policy.

    `begin(key)` is called at the start of every episode and returns the function that acts in it, which may keep state:
    it sees one episode, step by step. Without state it is `lambda key: act`. Numbers drawn from the text `key`, which
    differs from episode to episode, make an evaluation repeatable.

    An observation is {"images": {camera: uint8 [Y, X, 3]}, "state": float32 [S], "instruction": text}, in the
    embodiment's units and at its sizes. The function returns the next action [A] or a chunk [H, A]: numpy, torch or
    lists, in declared units. What it raises is a fault of its episode.

    `cameras` are the cameras whose images it reads (None: all of the embodiment); no other is rendered for it.
    `horizon` is the length H of its chunks; None: unknown until `with_horizon_of`, and declared as 1 until then.
    `fingerprint` is a JSON value of what the source code does not show and can change an action, such as the hash of a
    file of weights.

    Raises:
        UnknownName: the embodiment has no such camera.
    """

    privileged = False

    def __init__(
        self,
        embodiment: Embodiment,
        begin: Callable[[str], Act],
        *,
        cameras: Sequence[str] | None = None,
        horizon: int | None = None,
        fingerprint: Any = None,
    ):
        available = [camera.name for camera in embodiment.cameras]
        for camera in cameras or ():
            if camera not in available:
                raise UnknownName(f"camera of {embodiment.name!r}", camera, available, "praxia info --benchmarks")
        images = {f"image.{camera}": (0,) for camera in (available if cameras is None else cameras)}
        self.embodiment = embodiment
        self.window = Window({"state": (0,), **images}, horizon or 1)
        self.horizon = horizon
        self._begin = begin
        self._fingerprint = fingerprint

    def fingerprint(self) -> Any:
        """What beside its source identifies the policy; None: nothing is known."""
        return self._fingerprint

    def with_horizon_of(self, query: Query) -> "FunctionPolicy":
        """The policy with the horizon of its decision on `query`, where it declares none."""
        if self.horizon is not None:
            return self
        (decision,), _ = self.act([query], self.start(1))
        horizon, cameras = max(1, len(decision.chunk)), self.window.cameras
        return FunctionPolicy(
            self.embodiment, self._begin, cameras=cameras, horizon=horizon, fingerprint=self._fingerprint
        )

    def start(self, num_rows: int) -> dict[int, Act]:
        """No episode has begun: the carry holds the function of each episode under way, by its row."""
        return {}

    def act(self, queries: Sequence[Query], carry: Mapping[int, Act]) -> tuple[list[Decision], dict[int, Act]]:
        acting = dict(carry)
        return [self._decide(query, acting) for query in queries], acting

    def _decide(self, query: Query, acting: dict[int, Act]) -> Decision:
        """The decision of one episode, whose function begins at step 0 or where none is under way."""
        try:
            if query.step == 0 or query.row not in acting:
                acting[query.row] = self._begin(query.key)
            value = acting[query.row](_mapping(query.history[-1]))
            array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
        except Exception as error:
            return _fault(exception_text(error), self.embodiment)
        return _decision(array, self.embodiment)


def _mapping(observation: Observation) -> dict[str, Any]:
    """An observation as `rollout.session.Session` takes it."""
    found = {"images": dict(observation.images), "state": observation.state, "instruction": observation.instruction}
    return {**found, "streams": dict(observation.streams)} if observation.streams else found


def _decision(array: np.ndarray, embodiment: Embodiment) -> Decision:
    """An action [A] or a chunk [H, A] as a decision. The number of its dims is checked where it is executed."""
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        expected = f"an action [{embodiment.action_dim}] or a chunk [steps, {embodiment.action_dim}] of numbers"
        return _fault(f"gave {array.dtype} {list(array.shape)}, expected {expected}", embodiment)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is a fault
        chunk = np.atleast_2d(array.astype(np.float32))
    return Decision(chunk, np.ones(len(chunk), dtype=bool))


def _fault(text: str, embodiment: Embodiment | None) -> Decision:
    action_dim = 0 if embodiment is None else embodiment.action_dim
    return Decision(np.zeros((0, action_dim), np.float32), np.zeros(0, dtype=bool), fault=text)


def exception_text(error: BaseException) -> str:
    """ "raised KeyError: 'front' (my_policy.py, line 12)": the innermost line outside of installed packages."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    near = [frame for frame in own if "site-packages" not in frame.filename] or own
    if not near:
        return f"raised {crash_text(error)}"
    return f"raised {crash_text(error)} ({near[-1].filename.rpartition('/')[2]}, line {near[-1].lineno})"


class GuardedPolicy:
    """Another policy, of whose exceptions each is a fault of the episode that it belongs to, not of the evaluation.

    After an exception every query of the batch is asked again by itself, with the carry of before: policies do not
    change a carry, they return a new one.
    """

    def __init__(self, policy: Policy):
        self.policy = policy
        self.window = policy.window
        self.privileged = policy.privileged
        self.device = getattr(policy, "device", "cpu")

    @property
    def embodiment(self) -> Embodiment | None:
        return self.policy.embodiment

    def start(self, num_rows: int) -> Any:
        """The policy's carry.

        Raises:
            PraxiaError: the policy raised an exception.
        """
        try:
            return self.policy.start(num_rows)
        except Exception as error:
            raise PraxiaError(f"the policy {exception_text(error)}, at start({num_rows})") from error

    def act(self, queries: Sequence[Query], carry: Any) -> tuple[list[Decision], Any]:
        try:
            return _checked(self.policy.act(queries, carry))
        except Exception as error:
            if len(queries) == 1:
                return [_fault(exception_text(error), self.embodiment)], carry
        decisions = list[Decision]()
        for query in queries:
            found, carry = self.act([query], carry)
            decisions += found
        return decisions, carry


def _checked(answer: Any) -> tuple[list[Decision], Any]:
    """What `Policy.act` returned, if it is decisions and a carry.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TypeError(f"expected act to return (decisions, carry), got {type(answer).__name__}")
    decisions = list(answer[0])
    for one in decisions:
        if not isinstance(one, Decision):
            raise TypeError(f"expected act to return a list of Decision, got one of {type(one).__name__}")
        for name in ("chunk", "valid"):
            if not isinstance(getattr(one, name), np.ndarray):
                raise TypeError(f"expected Decision.{name} as a numpy array, got {type(getattr(one, name)).__name__}")
    return decisions, answer[1]
