"""All checks of one checkpoint, one after another."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from praxia.core.errors import DataError, PraxiaError, Refused
from praxia.core.types import Env, EnvSpec
from praxia.data.dataset import Dataset
from praxia.data.identity import matches_identity
from praxia.envs import build as build_registered
from praxia.envs.family import EnvFamily
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.preflight.conventions import gripper_agrees, names_and_units_fit
from praxia.evaluate.preflight.episodes import expert_succeeds, recorded_actions_replay, zero_fails
from praxia.evaluate.preflight.images import golden_frame_matches, recorded_frames_match
from praxia.evaluate.preflight.statistics import statistics_are_sane
from praxia.evaluate.preflight.subject import NUM_TASKS, Check, Finding, Subject
from praxia.rollout.slots import LocalSlots

if TYPE_CHECKING:
    from praxia.checkpoint.store import PolicyConfig

__all__ = ["CHECKS", "preflight"]

# What a mixture says where its data sets are read otherwise than they were recorded: nothing here compares with them.
READ_OTHERWISE = {"rate_hz", "sizes", "cameras", "fields"}

CHECKS: dict[str, Callable[[Subject], Finding]] = {
    "names-and-units": names_and_units_fit,
    "golden-frame": golden_frame_matches,
    "recorded-frames": recorded_frames_match,
    "gripper": gripper_agrees,
    "replay": recorded_actions_replay,
    "zero": zero_fails,
    "expert": expert_succeeds,
    "statistics": statistics_are_sane,
}


def preflight(
    policy: "PolicyConfig",
    benchmark: Benchmark,
    family: EnvFamily,
    *,
    data: Path | None = None,
    bind_as: str | None = None,
    report: Callable[[Check], None] = lambda check: None,
) -> dict[str, Any]:
    """Run every check and return `{ok, seconds, checks: [{name, ok, detail}, ...]}`; `report` hears of each at once.

    `family` is the benchmark's. `data` is a data set that the policy was trained on, in place of the one that its
    provenance names. A check without what it needs is not done: its `ok` is None, and it does not refuse.

    Raises:
        Refused: a check failed. The message is the first reason, `result` what would have been returned.
        DataError: `data` is no data set.
    """
    began_s = time.perf_counter()
    dataset, no_data = _find_data(policy, data, bind_as or family.embodiment(benchmark.spec(benchmark.tasks[0])).name)
    checks = []
    with closing(LocalSlots(1, partial(_build, family), num_idle=NUM_TASKS)) as slots:
        subject = Subject(policy, benchmark, family, slots, dataset, no_data, bind_as)
        for name, function in CHECKS.items():
            checks.append(Check(name, **asdict(_tried(function, subject))))
            report(checks[-1])
    failed = [check for check in checks if check.ok is False]
    seconds = round(time.perf_counter() - began_s, 1)
    result = {"ok": not failed, "seconds": seconds, "checks": [asdict(check) for check in checks]}
    if failed:
        raise Refused(f"{failed[0].name}: {failed[0].detail}", result)
    return result


def _tried(check: Callable[[Subject], Finding], subject: Subject) -> Finding:
    """What refuses an evaluation, refuses here: as a finding, so that the other checks are made too."""
    try:
        return check(subject)
    except PraxiaError as error:
        return Finding(False, str(error))


def _build(family: EnvFamily, spec: EnvSpec) -> Env:
    """Recorded starts can be of another family than the benchmark's: of the embodiment that the policy was trained on."""
    return family.build(spec) if spec.env == family.name else build_registered(spec)


def _find_data(policy: "PolicyConfig", given: Path | None, embodiment: str) -> tuple[Dataset | None, str]:
    """The data set to compare with, or None and why there is none."""
    if given is not None:
        return Dataset(given), ""
    reasons = []
    mixture = policy.provenance.get("mixture") or {}
    for known in policy.provenance.get("data", ()):
        try:
            found = Dataset(known["path"])
        except DataError:
            reasons.append(f"{known['path']} is not there or not whole")
            continue
        if not matches_identity(found, known):
            reasons.append(f"{known['path']} is no longer what it was trained on")
        elif found.embodiment.name != embodiment:
            reasons.append(f"{known['path']} is of {found.embodiment.name!r}")
        elif READ_OTHERWISE & {*mixture, *(key for part in mixture.get("parts", ()) for key in part)}:
            reasons.append(f"{known['path']} was mixed in with other names, sizes or at another rate")
        else:
            return found, ""
    return None, f"no training data ({'; '.join(reasons) or 'the checkpoint names none'}); give it with --data DIR"
