"""How the policies were trained: loss and speed."""

from collections.abc import Sequence

from praxia.studio.charts import Series, line_chart
from praxia.studio.markup import Markup, tag
from praxia.studio.provenance import command
from praxia.studio.sources import TrainingRun

__all__ = ["training_curves"]


def training_curves(runs: Sequence[TrainingRun]) -> Markup:
    """The curves of all runs in one pair of charts, and what each run was."""
    drawn = [run for run in runs if run.metrics]
    charts = []
    if drawn:
        loss, speed = _series(drawn, "loss"), _series(drawn, "samples_per_s")
        charts = [
            line_chart("Training loss (logarithmic)", "step", loss, log=True),
            line_chart("Training samples a second", "step", speed),
        ]
    return tag("section", tag("h2", "Training"), *(_run(run) for run in runs), tag("div", *charts, class_="charts"))


def _series(runs: Sequence[TrainingRun], name: str) -> list[Series]:
    return [
        Series(run.name, [line["step"] for line in run.metrics], [line[name] for line in run.metrics]) for run in runs
    ]


def _run(run: TrainingRun) -> Markup:
    if not run.metrics:
        return tag("div", tag("p", f"{run.name}: nothing was logged.", class_="bad"), command(run.description["command"]))
    first, last = run.metrics[0], run.metrics[-1]
    took = last["wall_s"]
    text = (
        f": {last['step']:,} steps of {run.description['recipe']} in {_duration(took)}, seed {run.description['seed']}; "
        f"loss {first['loss']:.3g} at step {first['step']:,}, {last['loss']:.3g} at the end."
    )
    return tag("div", tag("p", tag("strong", run.name), text), command(run.description["command"]))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
