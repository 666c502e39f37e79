"""Whether a policy fits a benchmark or a data set, checked before the first episode."""

from dataclasses import dataclass
from typing import NoReturn, Protocol, runtime_checkable

from praxia.core.embodiment import Camera, Embodiment, Field, dim_name_difference
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.hold import HoldAction
from praxia.core.types import LimitsDelay, Policy
from praxia.core.window import Window
from praxia.evaluation.benchmarks import Benchmark

__all__ = [
    "Bindable",
    "Counterpart",
    "HasEmbodiments",
    "bind_policy",
    "check_compatibility",
    "check_counterpart",
    "match_counterpart",
    "match_embodiment",
]


@runtime_checkable
class HasEmbodiments(Protocol):
    """A learned policy or its config: the embodiments that it was trained on, and its observation window."""

    @property
    def embodiments(self) -> tuple[Embodiment, ...]: ...

    @property
    def window(self) -> Window: ...


@runtime_checkable
class Bindable(HasEmbodiments, Protocol):
    """A policy that was trained on one or more embodiments and can be bound to one of them."""

    def bind(self, embodiment: Embodiment, name: str | None = None) -> Policy:
        """The policy for `embodiment`, with the weights of the trained embodiment `name` (None: of the same name)."""
        ...


@dataclass(frozen=True)
class Counterpart:
    """What a policy is to fit, for messages: such as "benchmark 'x'", with its cameras and what to do if it does not.

    `advice` is the next step where names, units, rate or cameras differ, `order` where dims are in another order.
    """

    name: str
    cameras: tuple[str, ...]
    advice: str
    order: str

    @classmethod
    def of(cls, benchmark: Benchmark) -> "Counterpart":
        return cls(
            f"benchmark {benchmark.name!r}",
            benchmark.cameras,
            "choose another benchmark with `praxia info --benchmarks`",
            "train on data in the benchmark's order",
        )


def bind_policy(policy: Bindable, benchmark: Benchmark, embodiment: Embodiment, bind_as: str | None = None) -> Policy:
    """`policy` bound to the benchmark's `embodiment`: by its name, or on purpose as the trained embodiment `bind_as`.

    Raises:
        UnknownName, MismatchError: as `match_embodiment`.
    """
    return policy.bind(embodiment, match_embodiment(policy, benchmark, embodiment, bind_as))


def match_embodiment(
    policy: HasEmbodiments, benchmark: Benchmark, embodiment: Embodiment, bind_as: str | None = None
) -> str:
    """The name of the trained embodiment as which `policy` can be bound to the benchmark's `embodiment`.

    Raises:
        UnknownName, MismatchError: as `match_counterpart`.
    """
    return match_counterpart(policy, Counterpart.of(benchmark), embodiment, bind_as)


def match_counterpart(
    policy: HasEmbodiments, counterpart: Counterpart, embodiment: Embodiment, bind_as: str | None = None
) -> str:
    """The name of the trained embodiment as which `policy` can be bound to `embodiment`: the same name, or `bind_as`.

    Raises:
        UnknownName: the policy was not trained on an embodiment `bind_as`.
        MismatchError: the policy was not trained on `embodiment`, or the trained embodiment has another meaning. Names
            both.
    """
    trained = {one.name: one for one in policy.embodiments}
    if bind_as is not None and bind_as not in trained:
        raise UnknownName("embodiment of this policy", bind_as, trained, "praxia info POLICY")
    name = bind_as or embodiment.name
    if name not in trained:
        _refuse(" and ".join(map(repr, trained)), counterpart, embodiment)
    _expect_same(trained[name], embodiment, policy.window.for_embodiment(trained[name]).cameras, counterpart)
    return name


def check_compatibility(policy: Policy, benchmark: Benchmark, embodiment: Embodiment) -> None:
    """Check that `policy` has the embodiment and the cameras of the benchmark, whose embodiment is `embodiment`.

    A policy without an embodiment, such as an expert, fits every embodiment. A benchmark with a delay needs to know how
    to hold the embodiment still, delays that were measured at its control rate, and a policy that takes the longest.

    Raises:
        MismatchError: the policy, or the delay, does not fit. Names both.
    """
    check_counterpart(policy, Counterpart.of(benchmark), embodiment)
    execution = benchmark.execution
    if execution.is_delayed:
        HoldAction.of(embodiment)
    if execution.trace is not None and execution.trace.control_hz != embodiment.control_hz:
        raise MismatchError(
            f"expected delays at {embodiment.control_hz:g} Hz, the control rate of {embodiment.name!r}, got a trace at"
            f" {execution.trace.control_hz:g} Hz: measure them at that rate"
        )
    longest = execution.delay if execution.trace is None else max(execution.trace.delays)
    taken = policy.longest_delay if isinstance(policy, LimitsDelay) else None
    if taken is not None and longest > taken:
        raise MismatchError(
            f"the policy was trained for delays of at most {taken} control steps, but benchmark {benchmark.name!r} has"
            f" {longest}: choose {benchmark.untimed.name}/delay-{taken}, or train it for longer ones"
        )


def check_counterpart(policy: Policy, counterpart: Counterpart, embodiment: Embodiment) -> None:
    """Check that `policy` has the embodiment and the cameras of `counterpart`, whose embodiment is `embodiment`.

    Raises:
        MismatchError: the policy does not fit. Names both.
    """
    _expect_cameras(policy.window.cameras, counterpart)
    ours = policy.embodiment
    if ours is None:
        return
    if ours.name != embodiment.name:
        _refuse(repr(ours.name), counterpart, embodiment)
    _expect_same(ours, embodiment, policy.window.cameras, counterpart)


def _refuse(trained: str, counterpart: Counterpart, embodiment: Embodiment) -> NoReturn:
    raise MismatchError(
        f"the policy is for embodiment {trained}, but {counterpart.name} has {embodiment.name!r}: "
        f"{counterpart.advice}, or bind the policy to it with --as EMBODIMENT"
    )


def _expect_same(ours: Embodiment, theirs: Embodiment, cameras: tuple[str, ...], counterpart: Counterpart) -> None:
    _expect_cameras(cameras, counterpart)
    mine, other = _meaning(ours, cameras), _meaning(theirs, cameras)
    if different := [name for name in mine if mine[name] != other[name]]:
        named = ", ".join(f"{name} {mine[name]} but {other[name]}" for name in different)
        raise MismatchError(
            f"the policy is for embodiment {ours.name!r}, but {counterpart.name} has {theirs.name!r}:"
            f" {named}; {counterpart.advice}"
        )
    _expect_streams(ours, theirs, counterpart)
    if found := dim_name_difference(ours, theirs):
        raise MismatchError(
            f"the policy is for embodiment {ours.name!r}, but {counterpart.name} has {theirs.name!r} with"
            f" other dims: {found.text}; {counterpart.order}"
        )


def _expect_cameras(wanted: tuple[str, ...], counterpart: Counterpart) -> None:
    missing = [camera for camera in wanted if camera not in counterpart.cameras]
    if missing:
        raise MismatchError(
            f"the policy uses camera {missing[0]!r}, but {counterpart.name} has"
            f" {', '.join(counterpart.cameras) or 'none'}: {counterpart.advice}"
        )


def _meaning(embodiment: Embodiment, cameras: tuple[str, ...]) -> dict[str, str]:
    """What must be equal for actions and observations to mean the same, as text."""
    sizes = {camera.name: camera for camera in embodiment.cameras}
    return {
        "state": _describe_fields(embodiment.state),
        "action": _describe_fields(embodiment.action),
        "images": ", ".join(_describe_camera(sizes.get(name)) for name in cameras),
        "rate": f"{embodiment.control_hz:g} Hz",
    }


def _expect_streams(ours: Embodiment, theirs: Embodiment, counterpart: Counterpart) -> None:
    """Refuse what does not measure what the policy sees; a unit that its data do not declare fits any."""
    known = {stream.name: stream for stream in theirs.streams}
    for wanted in ours.streams:
        got = known.get(wanted.name)
        same = got is not None and (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        if got is None or not same or (wanted.unit and got.unit != wanted.unit):
            raise MismatchError(
                f"the policy sees stream {wanted.name!r} ({wanted.description}), but {counterpart.name} has"
                f" {got.description if got else ', '.join(map(repr, known)) or 'none'}: {counterpart.advice}"
            )


def _describe_fields(fields: tuple[Field, ...]) -> str:
    return " + ".join(f"{one.name}[{one.size}] {one.kind} in {one.unit} {one.frame}".strip() for one in fields)


def _describe_camera(camera: Camera | None) -> str:
    return f"{camera.name} {camera.height}x{camera.width}" if camera else "none"
