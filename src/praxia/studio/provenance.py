"""Where numbers come from: training runs, data sets, commands and fingerprints."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import Any

from praxia.results.folder import results_name
from praxia.results.statistics import wilson_interval
from praxia.studio.charts import Series, line_chart
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.html import Markup, tag
from praxia.studio.policy_facts import run_facts
from praxia.studio.sources import DatasetSummary, ReportSources, TrainingRun
from praxia.studio.tables import RATE_COLUMNS, html_table, rate_cells

__all__ = ["command_details", "dataset_section", "provenance_section", "training_section"]


def command_details(text: str) -> Markup:
    """The command that produced a number, in a collapsed element."""
    return tag("details", tag("summary", "command"), tag("pre", text))


def provenance_section(sources: ReportSources, comparisons: Sequence[BenchmarkComparison]) -> Markup:
    """One collapsed record per source."""
    records = []
    for comparison in comparisons:
        for one in comparison.all:
            title = f"{one.label} on {comparison.name}"
            records.append(_record(title, one.command, {"file": one.source.path.name, **one.fingerprint}))
    for one in sources.offline:
        about = {"file": one.path.name, **one.meta["fingerprint"]}
        records.append(_record(f"{results_name(one.path)} offline on {one.meta['data']}", one.meta["command"], about))
    for one in sources.imagined:
        about = {name: value for name, value in one.result.items() if name not in ("command", "blocks", "videos")}
        records.append(_record(f"imagined {one.path.parent.resolve().name}", one.result["command"], about))
    for run in sources.runs:
        about = {name: value for name, value in run.description.items() if name != "command"}
        records.append(_record(f"training {run.name}", run.description["command"], about))
    for dataset in sources.datasets:
        about = {"info": {name: value for name, value in dataset.info.items() if name != "tasks"}, "plan": dataset.plan}
        records.append(_record(f"data set {dataset.path.name}", None, about))
    text = "How to reproduce every number above: the command, the code, and the inputs."
    return tag("section", tag("h2", "Where the numbers come from"), tag("p", text, class_="soft"), *records)


def _record(title: str, command_line: str | None, values: Mapping[str, Any]) -> Markup:
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", text)) for name, text in _flat(values)]
    command = tag("pre", command_line) if command_line else None
    return tag("details", tag("summary", title), command, tag("table", tag("tbody", *rows)), class_="record")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values, flattened to dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)


def training_section(
    runs: Sequence[TrainingRun], datasets: Sequence[DatasetSummary], described: Collection[TrainingRun]
) -> Markup:
    """A description of every run, and the curves of all runs in two charts; blind runs last.

    What a run made and of what is left out for those that are `described` above.
    """
    runs = sorted(runs, key=lambda run: run.is_blind)
    losses, speeds = _series(runs, "loss"), _series(runs, "samples_per_s")
    drawn = [line_chart("Training loss (logarithmic)", "step", losses, log=True)] if losses else []
    drawn += [line_chart("Training samples per second", "step", speeds)] if speeds else []
    if practised := _series(runs, "success", zero=True):
        drawn.append(line_chart("Success while it practised", "step", practised))
    charts = tag("div", *drawn, class_="charts") if drawn else None
    return tag(
        "section",
        tag("h2", "Training"),
        *(_run(run, None if run in described else run_facts(run, datasets)) for run in runs),
        charts,
    )


def _series(runs: Sequence[TrainingRun], name: str, *, zero: bool = False) -> list[Series]:
    """The logged values of one metric by run, restricted to positive finite numbers, or with `zero` to 0 as well."""
    found = [
        (
            run.name,
            [
                (float(line["step"]), float(value))
                for line in run.metrics
                if 0 < (value := line.get(name, -1)) < inf or (zero and value == 0)
            ],
        )
        for run in runs
    ]
    return [Series(label, *map(list, zip(*points, strict=True))) for label, points in found if points]


def _run(run: TrainingRun, facts: Markup | None) -> Markup:
    about = run.description
    text = f": {about['recipe']}, seed {about['seed']}; no step was logged."
    if run.metrics:
        last = run.metrics[-1]
        duration = f" in {_duration(last['wall_s'])}" if "wall_s" in last else ""
        text = f": {about['recipe']}, seed {about['seed']}; {last['step']:,} steps{duration}{_losses(run)}."
    unfinished = tag("span", " Not finished.", class_="bad") if run.policy is None else None
    return tag("div", tag("p", tag("strong", run.name), text, unfinished), facts, command_details(about["command"]))


def _losses(run: TrainingRun) -> str:
    """The first and the last logged loss, or the only one."""
    logged = [line for line in run.metrics if isfinite(line.get("loss", inf))]
    ends = logged[:1] if len(logged) < 2 else [logged[0], logged[-1]]
    losses = ", ".join(f"{line['loss']:.3g} at step {line['step']:,}" for line in ends)
    return f"; loss {losses}" if losses else ""


def _duration(seconds: float | int) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def dataset_section(dataset: DatasetSummary) -> Markup:
    """One data set: its size, and the demonstrator's success per task."""
    about = dataset.info
    sizes = ", ".join(f"{name} {height} × {width} px" for name, (height, width) in about["cameras"].items())
    text = (
        f"{about['episodes']:,} episodes ({_successful(about)}) of {about['embodiment']}, "
        f"{about['frames']:,} frames at {about['fps']:g} Hz; {sizes}; {about['bytes'] / 1e6:,.1f} MB. "
        f"{'Every file matches its hash.' if about['verified'] else 'There is no manifest to verify it against.'}"
    )
    # Without the errors column: episodes with an error are never recorded.
    columns = [("task", None), ("instruction", "words"), ("frames", "n"), *RATE_COLUMNS[:-1]]
    table = html_table(
        "Success of the demonstrator with its 95% Wilson interval, over the episodes whose outcome was recorded.",
        columns,
        [_cells(task, values) for task, values in about["tasks"].items()],
    )
    title = tag("h2", "Demonstrations ", tag("span", dataset.path.resolve().name, class_="soft"))
    return tag("section", title, tag("p", text), table)


def _successful(about: Mapping[str, Any]) -> str:
    """The number of successful episodes, and of those with an unknown outcome."""
    if about["successes"] is None:
        return "outcomes unknown"
    unknown = f", {about['unknown_outcomes']:,} unknown" if about["unknown_outcomes"] else ""
    return f"{about['successes']:,} successful{unknown}"


def _cells(task: str, values: Mapping[str, Any]) -> list[object]:
    known, successes = values["episodes"] - values["unknown_outcomes"], values["successes"]
    rate = {
        "episodes": values["episodes"],
        "errors": 0,
        "success": successes / known if known else None,
        "ci95": wilson_interval(successes, known) if known else None,
    }
    success, *others = rate_cells(rate)[:-1]
    return [task, " / ".join(values["instructions"]), f"{values['frames']:,}", success if known else "unknown", *others]
