"""Several policies on one benchmark, ranked as far as they can be told apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from praxia.results.folder import ResultsFile, results_name
from praxia.results.leaderboard import ranking
from praxia.results.sequential import ALPHA
from praxia.studio.comparison import Comparison
from praxia.studio.figures import interval, percent, points
from praxia.studio.markup import Markup, tag
from praxia.studio.tabular import tabular

__all__ = ["standings"]

_CAPTION = (
    "Places that cannot be excluded: two policies are tied unless a test of the starts that both met says otherwise "
    "(exact McNemar, adjusted by Holm's method for all tests of the table)."
)
_ADJUSTED = " Adjusted is the success for what the others did at these starts and at others."
_DIFFERENCES = "Points of the policy on the left beyond the one above; strong where a test tells them apart."


def standings(comparison: Comparison) -> Markup | None:
    """The candidates' places and differences; None for less than three."""
    candidates = comparison.candidates
    if len(candidates) < 3:
        return None
    labels = [one.label for one in candidates]
    names = [results_name(one.source.path) if labels.count(one.label) > 1 else one.label for one in candidates]
    table = ranking([ResultsFile(name, one.rows, one.source.meta) for name, one in zip(names, candidates, strict=True)])
    ranked = [one["file"] for one in table["entries"] if one["rank"] is not None]
    return tag(
        "section",
        tag("h2", "Who is better"),
        _places(table["entries"]),
        _differences(ranked, table["comparisons"]),
        *(
            tag("p", f"{one['file']} was judged differently ({one['differs']}).", class_="warning bad")
            for one in table["entries"]
            if one["differs"]
        ),
    )


def _places(entries: Sequence[Mapping[str, Any]]) -> Markup:
    adjusted = any(one["adjusted"] for one in entries)
    columns = [("policy", None), ("place", "n"), ("success", "n"), ("95% interval", "interval")]
    columns += [("mean over tasks", "n"), ("95% interval", "interval")]
    columns += [("adjusted", "n"), ("95% interval", "interval")] if adjusted else []
    rows = []
    for one in entries:
        macro, by_others = one["macro"], one["adjusted"] or {"success": None, "ci95": None}
        cells = [one["file"], _place(one["rank"]), percent(one["success"]), interval(one)]
        cells += [percent(macro["success"]), interval(macro)]
        cells += [percent(by_others["success"]), interval(by_others)] if adjusted else []
        rows.append([*cells, f"{one['episodes']:,}"])
    return tabular(_CAPTION + (_ADJUSTED if adjusted else ""), [*columns, ("episodes", "n")], rows)


def _place(rank: Sequence[int] | None) -> str:
    return "–" if rank is None else "–".join(str(place) for place in dict.fromkeys(rank))


def _differences(ranked: Sequence[str], comparisons: Sequence[Mapping[str, Any]]) -> Markup:
    """One row and one column a policy, best first."""
    found = {(one["a"], one["b"]): (one["effect"], one) for one in comparisons}
    found |= {(b, a): (-effect if effect else effect, one) for (a, b), (effect, one) in found.items()}
    unpaired = sum(one["test"] == "fisher" for one in comparisons)
    text = f"{_DIFFERENCES} {unpaired} of {len(comparisons)} tests are unpaired: too few starts in common."
    rows = [[a, *(_difference(*found[a, b]) if a != b else "" for b in ranked)] for a in ranked]
    return tabular(text if unpaired else _DIFFERENCES, [("policy", None), *((name, "n") for name in ranked)], rows)


def _difference(effect: float | None, one: Mapping[str, Any]) -> object:
    text = points(effect, 0.0)
    return tag("strong", text) if one["p_holm"] <= ALPHA else text
