"""`praxia info PATH`, and the lists of what there is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from praxia.cli.console import STDERR, print_summary
from praxia.core.errors import PraxiaError

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """What a data set, a policy, a training run or a results file is."""

    path: tyro.conf.Positional[Path | None] = None
    benchmarks: bool = False
    """List the named benchmarks."""
    tasks: str | None = None
    """List the tasks of a family of environments, such as metaworld, with their instructions."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Describe a path, or list what there is."""
    options = tyro.cli(Arguments, args=arguments, prog="praxia info")
    if options.benchmarks:
        return _listed("benchmarks", _benchmarks(), options.json)
    if options.tasks is not None:
        return _listed("tasks", _tasks(options.tasks), options.json)
    if options.path is None:
        raise PraxiaError("expected a path, --benchmarks or --tasks ENV, got none; see `praxia info --help`")
    found = _describe(options.path)
    print_summary(found)
    return found


def _listed(kind: str, values: dict[str, str], as_json: bool) -> dict[str, Any]:
    if not as_json:
        print("\n".join(f"{name:28s} {text}" for name, text in values.items()))
    return {kind: values}


def _benchmarks() -> dict[str, str]:
    from praxia.evaluate.benchmarks import benchmark_names, find_benchmark

    return {name: find_benchmark(name).summary for name in benchmark_names()}


def _tasks(env: str) -> dict[str, str]:
    from praxia.envs import find_family

    return dict(find_family(env).instructions)


def _describe(path: Path) -> dict[str, Any]:
    if (path / "meta" / "info.json").is_file():
        from praxia.data.summary import info

        return info(path)
    if (path / "policy.json").is_file() or (path / "run.json").is_file():
        from praxia.checkpoint.store import read_config

        config, digest = read_config(path)
        described = config.to_json()
        names = ("model", "embodiments", "window", "provenance")
        return {"kind": "policy", "path": str(path), "weights_sha256": digest, **{n: described[n] for n in names}}
    if path.suffix == ".jsonl":
        return _results(path)
    raise PraxiaError(
        f"expected a data set, a policy, a training run or a results file (.jsonl), got {path}, which is "
        + ("none of these" if path.exists() else "not there")
    )


def _results(path: Path) -> dict[str, Any]:
    from praxia.results.rows import read_rows
    from praxia.results.store import read_meta
    from praxia.results.summary import summarise
    from praxia.studio.table import success_table

    rows = read_rows(path)
    STDERR.print(success_table(rows))
    fingerprint = read_meta(path)["fingerprint"]
    summary = summarise(rows, fingerprint["benchmark"].get("groups"))
    return {"kind": "results", "path": str(path), **summary, "fingerprint": fingerprint}
