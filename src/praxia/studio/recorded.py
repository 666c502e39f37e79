"""The demonstrations: how many, and how often the expert succeeded."""

from praxia.results.statistics import wilson_interval
from praxia.studio.charts import interval_bar
from praxia.studio.markup import Markup, tag
from praxia.studio.sources import Recorded

__all__ = ["dataset_section"]


def dataset_section(dataset: Recorded) -> Markup:
    """One data set, task by task."""
    about = dataset.info
    sizes = ", ".join(f"{name} {height} × {width} px" for name, (height, width) in about["cameras"].items())
    text = (
        f"{about['episodes']:,} episodes ({about['successes']:,} successful) of {about['embodiment']}, "
        f"{about['frames']:,} frames at {about['fps']} Hz; {sizes}; {about['bytes'] / 1e6:,.1f} MB. "
        f"{'Every file has its recorded hash.' if about['verified'] else 'There is no manifest to verify it against.'}"
    )
    names = ("task", "instruction", "episodes", "frames", "success", "")
    numeric = ("episodes", "frames", "success")
    heads = [tag("th", name, scope="col", class_="n" if name in numeric else None) if name else tag("td") for name in names]
    rows = [_row(task, values) for task, values in about["tasks"].items()]
    caption = tag("caption", "Demonstrations; success is the demonstrator's, with its 95% Wilson interval.")
    table = tag("table", caption, tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    region = tag("div", table, class_="wide", tabindex=0, role="region", aria_label="Demonstrations per task")
    title = tag("h2", "Demonstrations ", tag("span", dataset.path.name, class_="soft"))
    return tag("section", title, tag("p", text), region)


def _row(task: str, values: dict) -> Markup:
    episodes, successes = values["episodes"], values["successes"]
    return tag(
        "tr",
        tag("th", task, scope="row"),
        tag("td", " / ".join(values["instructions"])),
        tag("td", episodes, class_="n"),
        tag("td", f"{values['frames']:,}", class_="n"),
        tag("td", f"{successes / episodes:.1%}", class_="n"),
        tag("td", interval_bar(successes / episodes, *wilson_interval(successes, episodes))),
    )
