"""How the policies were trained: loss and speed."""

from collections.abc import Sequence
from math import inf, isfinite

from praxia.studio.charts import Series, line_chart
from praxia.studio.markup import Markup, tag
from praxia.studio.provenance import command
from praxia.studio.sources import TrainingRun

__all__ = ["training_curves"]


def training_curves(runs: Sequence[TrainingRun]) -> Markup:
    """The curves of all runs in one pair of charts, and what each run was; blind ones last."""
    runs = sorted(runs, key=lambda run: run.is_blind)
    losses, speeds = _series(runs, "loss"), _series(runs, "samples_per_s")
    drawn = [line_chart("Training loss (logarithmic)", "step", losses, log=True)] if losses else []
    drawn += [line_chart("Training samples a second", "step", speeds)] if speeds else []
    charts = tag("div", *drawn, class_="charts") if drawn else None
    return tag("section", tag("h2", "Training"), *(_run(run) for run in runs), charts)


def _series(runs: Sequence[TrainingRun], name: str) -> list[Series]:
    """The runs that logged it, where it is a positive number."""
    found = [
        (run.name, [(float(line["step"]), float(line[name])) for line in run.metrics if 0 < line.get(name, 0) < inf])
        for run in runs
    ]
    return [Series(label, *map(list, zip(*points, strict=True))) for label, points in found if points]


def _run(run: TrainingRun) -> Markup:
    about = run.description
    text = f": {about['recipe']}, seed {about['seed']}; nothing was logged."
    if run.metrics:
        last = run.metrics[-1]
        took = f" in {_duration(last['wall_s'])}" if "wall_s" in last else ""
        text = f": {about['recipe']}, seed {about['seed']}; {last['step']:,} steps{took}{_losses(run)}."
    unfinished = tag("span", " Not finished.", class_="bad") if run.policy is None else None
    return tag("div", tag("p", tag("strong", run.name), text, unfinished), command(about["command"]))


def _losses(run: TrainingRun) -> str:
    """The first that was logged and the last, or the only one."""
    logged = [line for line in run.metrics if isfinite(line.get("loss", inf))]
    ends = logged[:1] if len(logged) < 2 else [logged[0], logged[-1]]
    said = ", ".join(f"{line['loss']:.3g} at step {line['step']:,}" for line in ends)
    return f"; loss {said}" if said else ""


def _duration(seconds: float | int) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
