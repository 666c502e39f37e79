"""Whether a policy and a benchmark fit, said before the first episode."""

from praxia.core.errors import MismatchError
from praxia.core.types import Camera, Embodiment, Field, Policy
from praxia.evaluate.benchmarks import Benchmark

__all__ = ["check_fit"]


def check_fit(policy: Policy, benchmark: Benchmark, body: Embodiment) -> None:
    """Refuse a policy that was made for another body or other pictures than `body`, the benchmark's, has.

    A policy without an embodiment (an expert) fits every body.

    Raises:
        MismatchError: naming both.
    """
    _check_cameras(policy.window.cameras, benchmark)
    if policy.embodiment is None:
        return
    ours, theirs = _essence(policy.embodiment, policy.window.cameras), _essence(body, policy.window.cameras)
    different = [name for name in ours if ours[name] != theirs[name]]
    if different:
        named = ", ".join(f"{name} {ours[name]} but {theirs[name]}" for name in different)
        raise MismatchError(
            f"the policy is for embodiment {policy.embodiment.name!r}, benchmark {benchmark.name!r} has {body.name!r}:"
            f" {named}; choose another with `praxia info --benchmarks`"
        )


def _check_cameras(wanted: tuple[str, ...], benchmark: Benchmark) -> None:
    missing = [camera for camera in wanted if camera not in benchmark.cameras]
    if missing:
        raise MismatchError(
            f"the policy looks at camera {missing[0]!r}, benchmark {benchmark.name!r} has"
            f" {', '.join(benchmark.cameras)}; choose another with `praxia info --benchmarks`"
        )


def _essence(body: Embodiment, cameras: tuple[str, ...]) -> dict[str, str]:
    """What must be equal for actions and observations to mean the same, in words."""
    sizes = {camera.name: camera for camera in body.cameras}
    return {
        "name": body.name,
        "state": _words(body.state),
        "action": _words(body.action),
        "pictures": ", ".join(_describe(sizes.get(name)) for name in cameras),
        "rate": f"{body.control_hz:g} Hz",
    }


def _words(fields: tuple[Field, ...]) -> str:
    return " + ".join(f"{part.name}[{part.size}] {part.kind} in {part.unit} {part.frame}".strip() for part in fields)


def _describe(camera: Camera | None) -> str:
    return f"{camera.name} {camera.height}x{camera.width}" if camera else "none"
