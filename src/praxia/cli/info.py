"""`praxia info PATH`, and the lists of benchmarks and tasks."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from praxia.checkpoint.identity import holds_policy
from praxia.cli.arguments import parse
from praxia.cli.data.info import print_dataset
from praxia.core.errors import PraxiaError
from praxia.studio.console import STDERR, counting, print_summary

if TYPE_CHECKING:
    from praxia.evaluation.benchmarks import Benchmark

__all__ = ["run"]


@dataclass(frozen=True)
class InfoArguments:
    """Describe a data set, a policy, a training run or a results file."""

    path: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="PATH")] = None
    """A data set, a policy, a training run or a results file."""
    benchmarks: bool = False
    """List the named benchmarks and their definitions."""
    policies: bool = False
    """List what `praxia eval` takes beside the folders of trained policies."""
    tasks: Annotated[str | None, tyro.conf.arg(metavar="ENV")] = None
    """List the tasks of an environment family, such as metaworld, with their instructions and rewards."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Describe a path, or list benchmarks or tasks."""
    options = parse(InfoArguments, arguments, "praxia info", example="praxia info runs/new")
    if options.benchmarks:
        return _benchmarks(options.json)
    if options.policies:
        return _policies(options.json)
    if options.tasks is not None:
        return _tasks(options.tasks, options.json)
    if options.path is None:
        raise PraxiaError("expected a path, or a list such as --benchmarks, got neither; see `praxia info --help`")
    found = _describe(options.path)
    if found["kind"] == "dataset":
        print_dataset(found)
        return found
    in_table = ("policy", "baseline", "ratio", "intervals", "note") if found["kind"] == "offline" else ()
    print_summary({name: value for name, value in found.items() if name not in in_table})
    return found


def _benchmarks(as_json: bool) -> dict[str, Any]:
    from praxia.evaluation.benchmarks import benchmark_names, find_benchmark

    benchmarks = [find_benchmark(name) for name in benchmark_names()]
    if not as_json:
        print("\n\n".join("\n  ".join(_lines(one)) for one in benchmarks))
    return {"benchmarks": {one.name: {**one.to_json(), "summary": one.summary} for one in benchmarks}}


def _policies(as_json: bool) -> dict[str, Any]:
    from praxia.evaluation.policy_factory import registered_policies
    from praxia.evaluation.policy_resolver import SCRIPTED

    registered = registered_policies()
    if not as_json:
        lines = [f"{name:28s} {text}" for name, text in {**SCRIPTED, **registered}.items()]
        own = "and package.module:make, in this folder or installed: a function of an embodiment that returns a policy"
        planner = "and a JSON file that describes a planner: see `praxia plan --help`"
        print("\n".join([*lines, own, planner]))
    return {"policies": {**dict.fromkeys(SCRIPTED), **registered}}


def _lines(benchmark: "Benchmark") -> list[str]:
    """The name and definition of a benchmark."""
    executed, groups = benchmark.execution.execution_horizon, benchmark.groups.items()
    executes = "observes every step" if executed == 1 else f"executes {executed} actions per chunk"
    when = "at any step" if benchmark.metric == "ever" else "at the last step"
    averaged = "; the published number is their mean" if benchmark.averages_groups else ""
    grouped = ", ".join(f"{name} {len(tasks)}" for name, tasks in groups) + averaged
    return [
        benchmark.name,
        benchmark.summary,
        f"tasks     {len(benchmark.tasks)} of {benchmark.env}, success {when} of {benchmark.horizon}; {executes}",
        *([f"groups    {grouped}"] if groups else []),
        f"images    {' and '.join(benchmark.cameras)}, {_sizes(benchmark)}, render profile {benchmark.profile}",
        f"state     {benchmark.state}{' (privileged)' if benchmark.privileged_state else ''}",
    ]


def _sizes(benchmark: "Benchmark") -> str:
    others = [f"{name} {height}x{width}" for name, (height, width) in benchmark.sizes.items()]
    return ", ".join([f"{benchmark.size} px", *others])


def _tasks(env: str, as_json: bool) -> dict[str, Any]:
    from praxia.envs import find_family

    family = find_family(env)
    instructions, declared = dict(family.instructions), family.rewards or (lambda task: {})
    if not as_json:
        print("\n".join(f"{name:28s} {text}" for name, text in instructions.items()))
        described: dict[tuple[str, str], list[str]] = {}
        for task in instructions:
            for name, one in declared(task).items():
                ends = f"; terminates: {one.terminates}" if one.terminates else ""
                text = f"{one.low:.3g} to {one.high:.3g} a step\n  {one.meaning}{ends}"
                described.setdefault((name, text), []).append(task)
        for (name, text), tasks in described.items():
            where = "" if len(tasks) == len(instructions) else f" of {', '.join(tasks)}"
            print(f"\nreward {name}{where}, {text}")
    rewards = {task: {name: asdict(one) for name, one in declared(task).items()} for task in instructions}
    return {"tasks": instructions, "rewards": rewards}


def _describe(path: Path) -> dict[str, Any]:
    if (path / "meta" / "info.json").is_file():
        from praxia.data.summary import info

        with counting("verify") as report:
            return info(path, report)
    if holds_policy(path):
        from praxia.checkpoint.store import read_config
        from praxia.policies.interface import HasSampling, MakesPolicy

        config, identity = read_config(path)
        described = config.to_json()
        names = ("model", "embodiments", "window", "provenance")
        return {
            "kind": "policy" if isinstance(config.model, MakesPolicy) else "model",
            "path": str(path),
            **identity.to_json(),
            "sampling": config.model.sampling.to_json() if isinstance(config.model, HasSampling) else {},
            **{name: described[name] for name in names},
        }
    from praxia.results.folder import is_results_file
    from praxia.results.offline import is_offline_file

    if is_offline_file(path):
        return _offline(path)
    if path.suffix == ".jsonl" or is_results_file(path):
        return _results(path)
    raise PraxiaError(
        f"expected a data set, a policy, a training run or a results file (.jsonl), got {path}, which "
        + ("is none of these" if path.exists() else "does not exist")
    )


def _offline(path: Path) -> dict[str, Any]:
    from praxia.results.offline import read_offline, summarise_offline
    from praxia.studio.offline import print_offline

    rows, meta = read_offline(path)
    summary = {**summarise_offline(rows), "fingerprint": meta["fingerprint"]}
    print_offline(STDERR, summary)
    planned = len(meta["fingerprint"]["episodes"])
    if len(rows) < planned:
        text = f"{len(rows)} of {planned} planned episodes; finish with --resume"
        STDERR.print(text, highlight=False, markup=False, soft_wrap=True)
    about = {"file": str(path), "data": meta["data"], "baseline_fields": meta["baseline"]}
    return {"kind": "offline", **about, **summary}


def _results(path: Path) -> dict[str, Any]:
    from praxia.results.meta import privilege_of, read_meta, was_stopped
    from praxia.results.rows import read_rows
    from praxia.results.summary import summarise_as
    from praxia.studio.terminal import success_table

    rows, meta = read_rows(path, repeats=True), read_meta(path)
    STDERR.print(success_table(rows, meta))
    planned = meta.get("planned")
    if planned is not None and len(rows) < planned and not was_stopped(meta):
        text = f"{len(rows)} of {planned} planned episodes: those that end first are no fair sample"
        STDERR.print(f"{text}; finish with --resume", highlight=False, markup=False, soft_wrap=True)
    benchmark = meta["fingerprint"]["benchmark"]
    return {
        "kind": "results",
        "file": str(path),
        "planned": planned,
        "privilege": privilege_of(meta),
        **summarise_as(benchmark, rows),
        "fingerprint": meta["fingerprint"],
    }
