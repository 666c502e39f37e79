"""Runs all checks of a policy."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from praxia.core.errors import CheckFailed, DataError, PraxiaError
from praxia.core.types import EnvSpec, Robot
from praxia.data.dataset import Dataset
from praxia.envs import build as build_registered
from praxia.envs.family import EnvFamily
from praxia.evaluation.benchmarks import Benchmark
from praxia.evaluation.policy_factory import ForeignPolicy
from praxia.evaluation.preflight.conventions import gripper_agrees, names_and_units_fit
from praxia.evaluation.preflight.decisions import policy_decides
from praxia.evaluation.preflight.episodes import expert_succeeds, recorded_actions_replay, zero_fails
from praxia.evaluation.preflight.images import golden_frame_matches, recorded_frames_match
from praxia.evaluation.preflight.setup import NUM_TASKS, PreflightResult, PreflightSetup
from praxia.evaluation.preflight.statistics import statistics_are_sane
from praxia.rollout.slots import LocalSlots

if TYPE_CHECKING:
    from praxia.checkpoint.store import PolicyConfig

__all__ = ["CHECKS", "preflight"]

# Keys of a mixture that change how its data sets are read. The checks cannot compare with such data sets.
CHANGES_DATA = {"rate_hz", "sizes", "cameras", "fields"}

CHECKS: dict[str, Callable[[PreflightSetup], PreflightResult]] = {
    "names-and-units": names_and_units_fit,
    "golden-frame": golden_frame_matches,
    "recorded-frames": recorded_frames_match,
    "gripper": gripper_agrees,
    "replay": recorded_actions_replay,
    "zero": zero_fails,
    "expert": expert_succeeds,
    "statistics": statistics_are_sane,
}

# A foreign policy need not be loaded to be asked, since its factory has loaded it already.
FOREIGN_CHECKS = {"names-and-units": names_and_units_fit, "decisions": policy_decides, **CHECKS}


def preflight(
    policy: "PolicyConfig | ForeignPolicy",
    benchmark: Benchmark,
    family: EnvFamily,
    *,
    data: Path | None = None,
    bind_as: str | None = None,
    report: Callable[[str, PreflightResult], None] = lambda name, result: None,
) -> dict[str, Any]:
    """Run every check and return `{ok, seconds, checks: [{name, ok, detail}, ...]}`.

    `family` is that of the benchmark. `data` is a data set that the policy was trained on; None: the one that its
    provenance names. A check that lacks what it needs is skipped: its `ok` is None, and the preflight can still pass.
    `report` is called with the name and result of each check.

    Raises:
        CheckFailed: a check failed. The message is the first failure, `result` the value that would have been returned.
        DataError: `data` is not a data set.
    """
    began_s = time.perf_counter()
    dataset, no_data = _find_data(policy, data, bind_as or family.embodiment(benchmark.spec(benchmark.tasks[0])).name)
    results: dict[str, PreflightResult] = {}
    with closing(LocalSlots(1, partial(_build, family), num_idle=NUM_TASKS)) as slots:
        setup = PreflightSetup(policy, benchmark, family, slots, dataset, no_data, bind_as)
        checks = FOREIGN_CHECKS if isinstance(policy, ForeignPolicy) else CHECKS
        for name, function in checks.items():
            results[name] = _run_check(function, setup)
            report(name, results[name])
    failed = [f"{name}: {result.detail}" for name, result in results.items() if result.ok is False]
    seconds = round(time.perf_counter() - began_s, 1)
    result = {
        "ok": not failed,
        "seconds": seconds,
        "checks": [{"name": name, **asdict(one)} for name, one in results.items()],
    }
    if failed:
        raise CheckFailed(failed[0], result)
    return result


def _run_check(check: Callable[[PreflightSetup], PreflightResult], setup: PreflightSetup) -> PreflightResult:
    """The result of a check. An error that an evaluation would raise becomes a failure, so that the other checks run
    too.
    """
    try:
        return check(setup)
    except PraxiaError as error:
        return PreflightResult(False, str(error))


def _build(family: EnvFamily, spec: EnvSpec) -> Robot:
    """Recorded starts can belong to another family than the benchmark's: that of the policy's trained embodiment."""
    return family.build(spec) if spec.env == family.name else build_registered(spec)


def _find_data(
    policy: "PolicyConfig | ForeignPolicy", given: Path | None, embodiment: str
) -> tuple[Dataset | None, str]:
    """The data set to compare with, or None and the reason why there is none."""
    if given is not None:
        return Dataset(given), ""
    if isinstance(policy, ForeignPolicy):
        return None, "a foreign policy names no training data; name it with --data DIR"
    reasons = []
    mixture = policy.provenance.get("mixture") or {}
    for known in policy.provenance.get("data", ()):
        try:
            found = Dataset(known["path"])
        except DataError:
            reasons.append(f"{known['path']} is missing or incomplete")
            continue
        if not found.matches_identity(known):
            reasons.append(f"{known['path']} is no longer the data that it was trained on")
        elif found.embodiment.name != embodiment:
            reasons.append(f"{known['path']} is of {found.embodiment.name!r}")
        elif CHANGES_DATA & {*mixture, *(key for part in mixture.get("parts", ()) for key in part)}:
            reasons.append(f"{known['path']} is in a mixture with other names, sizes or another rate")
        else:
            return found, ""
    return None, f"no training data ({'; '.join(reasons) or 'the checkpoint names none'}); name it with --data DIR"
