"""Whether a policy and a benchmark fit, said before the first episode."""

from typing import NoReturn, Protocol, runtime_checkable

from praxia.core.dims import difference
from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import MismatchError, UnknownName
from praxia.core.types import Policy, Window
from praxia.evaluate.benchmarks import Benchmark

__all__ = ["Bindable", "HasEmbodiments", "bind_policy", "check_compatibility", "match_embodiment"]


@runtime_checkable
class HasEmbodiments(Protocol):
    """What says on which embodiments a policy was trained and what it looks at: the policy, or its config."""

    @property
    def embodiments(self) -> tuple[Embodiment, ...]: ...

    @property
    def window(self) -> Window: ...


@runtime_checkable
class Bindable(HasEmbodiments, Protocol):
    """A policy that was trained on one or more embodiments and can decide for one of them."""

    def bind(self, embodiment: Embodiment, name: str | None = None) -> Policy:
        """The same weights deciding for `embodiment` as for the trained embodiment `name`; None: that of the embodiment's name."""
        ...


def bind_policy(policy: Bindable, benchmark: Benchmark, embodiment: Embodiment, bind_as: str | None = None) -> Policy:
    """`policy` bound to `embodiment`, the benchmark's: by its name, or on purpose as the trained embodiment `bind_as`.

    Raises as `match_embodiment` does.
    """
    return policy.bind(embodiment, match_embodiment(policy, benchmark, embodiment, bind_as))


def match_embodiment(
    policy: HasEmbodiments, benchmark: Benchmark, embodiment: Embodiment, bind_as: str | None = None
) -> str:
    """The trained embodiment, by its name, as which `policy` can decide for `embodiment`: that of its name, or `bind_as`.

    Raises:
        UnknownName: `bind_as` names no embodiment that it was trained on.
        MismatchError: it was not trained on the embodiment, or the trained embodiment means something else; names both.
    """
    trained = {one.name: one for one in policy.embodiments}
    if bind_as is not None and bind_as not in trained:
        raise UnknownName("embodiment of this policy", bind_as, trained, "praxia info POLICY")
    name = bind_as or embodiment.name
    if name not in trained:
        _refuse(" and ".join(map(repr, trained)), benchmark, embodiment)
    _expect_same(trained[name], embodiment, policy.window.of(trained[name]).cameras, benchmark)
    return name


def check_compatibility(policy: Policy, benchmark: Benchmark, embodiment: Embodiment) -> None:
    """Refuse a policy that was made for another embodiment or other images than `embodiment`, the benchmark's, has.

    A policy without an embodiment (an expert) fits every embodiment.

    Raises:
        MismatchError: naming both.
    """
    _expect_cameras(policy.window.cameras, benchmark)
    ours = policy.embodiment
    if ours is None:
        return
    if ours.name != embodiment.name:
        _refuse(repr(ours.name), benchmark, embodiment)
    _expect_same(ours, embodiment, policy.window.cameras, benchmark)


def _refuse(trained: str, benchmark: Benchmark, embodiment: Embodiment) -> NoReturn:
    raise MismatchError(
        f"the policy is for embodiment {trained}, benchmark {benchmark.name!r} has {embodiment.name!r}; choose another with"
        " `praxia info --benchmarks`, or use its weights for that embodiment on purpose with --as EMBODIMENT"
    )


def _expect_same(ours: Embodiment, theirs: Embodiment, cameras: tuple[str, ...], benchmark: Benchmark) -> None:
    _expect_cameras(cameras, benchmark)
    mine, other = _essence(ours, cameras), _essence(theirs, cameras)
    if different := [name for name in mine if mine[name] != other[name]]:
        named = ", ".join(f"{name} {mine[name]} but {other[name]}" for name in different)
        raise MismatchError(
            f"the policy is for embodiment {ours.name!r}, benchmark {benchmark.name!r} has {theirs.name!r}:"
            f" {named}; choose another with `praxia info --benchmarks`"
        )
    if found := difference(ours, theirs):
        raise MismatchError(
            f"the policy is for embodiment {ours.name!r}, benchmark {benchmark.name!r} has {theirs.name!r}, with other"
            f" numbers: {found.text}; train on data in the benchmark's order"
        )


def _expect_cameras(wanted: tuple[str, ...], benchmark: Benchmark) -> None:
    missing = [camera for camera in wanted if camera not in benchmark.cameras]
    if missing:
        raise MismatchError(
            f"the policy looks at camera {missing[0]!r}, benchmark {benchmark.name!r} has"
            f" {', '.join(benchmark.cameras)}; choose another with `praxia info --benchmarks`"
        )


def _essence(embodiment: Embodiment, cameras: tuple[str, ...]) -> dict[str, str]:
    """What must be equal for actions and observations to mean the same, in words."""
    sizes = {camera.name: camera for camera in embodiment.cameras}
    return {
        "state": _words(embodiment.state),
        "action": _words(embodiment.action),
        "pictures": ", ".join(_describe(sizes.get(name)) for name in cameras),
        "rate": f"{embodiment.control_hz:g} Hz",
    }


def _words(fields: tuple[Field, ...]) -> str:
    return " + ".join(f"{part.name}[{part.size}] {part.kind} in {part.unit} {part.frame}".strip() for part in fields)


def _describe(camera: Camera | None) -> str:
    return f"{camera.name} {camera.height}x{camera.width}" if camera else "none"
