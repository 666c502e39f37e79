"""How the policies were trained: loss and speed."""

from collections.abc import Sequence

from praxia.studio.charts import Series, line_chart
from praxia.studio.markup import Markup, tag
from praxia.studio.provenance import command
from praxia.studio.sources import TrainingRun

__all__ = ["training_curves"]


def training_curves(runs: Sequence[TrainingRun]) -> Markup:
    """The curves of all runs in one pair of charts, and what each run was; blind ones last."""
    runs = sorted(runs, key=lambda run: run.is_blind)
    charts = None
    if drawn := [run for run in runs if run.metrics]:
        charts = tag(
            "div",
            line_chart("Training loss (logarithmic)", "step", _series(drawn, "loss"), log=True),
            line_chart("Training samples a second", "step", _series(drawn, "samples_per_s")),
            class_="charts",
        )
    return tag("section", tag("h2", "Training"), *(_run(run) for run in runs), charts)


def _series(runs: Sequence[TrainingRun], name: str) -> list[Series]:
    def column(run: TrainingRun, of: str) -> list[float]:
        return [float(line[of]) for line in run.metrics]

    return [Series(run.name, column(run, "step"), column(run, name)) for run in runs]


def _run(run: TrainingRun) -> Markup:
    about = run.description
    text = f": {about['recipe']}, seed {about['seed']}; nothing was logged."
    if run.metrics:
        first, last = run.metrics[0], run.metrics[-1]
        text = (
            f": {about['recipe']}, seed {about['seed']}; {last['step']:,} steps in {_duration(last['wall_s'])}; "
            f"loss {first['loss']:.3g} at step {first['step']:,}, {last['loss']:.3g} at step {last['step']:,}."
        )
    unfinished = tag("span", " Not finished.", class_="bad") if run.policy is None else None
    return tag("div", tag("p", tag("strong", run.name), text, unfinished), command(about["command"]))


def _duration(seconds: float | int) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
