"""Several policies on one benchmark, ranked as far as tests separate them."""

from collections.abc import Mapping, Sequence
from typing import Any

from praxia.results.folder import ResultsFile, results_name
from praxia.results.leaderboard import ranking
from praxia.results.sequential import ALPHA
from praxia.studio.comparison import BenchmarkComparison
from praxia.studio.html import Markup, tag
from praxia.studio.tables import html_table, interval, percent, points

__all__ = ["ranking_section"]

_CAPTION = (
    "Ranks that cannot be excluded: two policies are tied unless a test on their shared starts separates them (exact "
    "McNemar, adjusted by Holm's method for all tests of the table)."
)
_ADJUSTED = " Adjusted success accounts for how difficult the starts were for other policies."
_DIFFERENCES = "Points of the policy on the left minus the one above; bold where a test separates them."


def ranking_section(comparison: BenchmarkComparison) -> Markup | None:
    """The ranks of three or more candidates and their differences; None for fewer."""
    candidates = comparison.paired_candidates
    if len(candidates) < 3:
        return None
    labels = [one.label for one in candidates]
    names = [results_name(one.source.path) if labels.count(one.label) > 1 else one.label for one in candidates]
    table = ranking([ResultsFile(name, one.rows, one.source.meta) for name, one in zip(names, candidates, strict=True)])
    ranked = [one["file"] for one in table["entries"] if one["rank"] is not None]
    return tag(
        "section",
        tag("h2", "Ranking"),
        _ranks(table["entries"]),
        _differences(ranked, table["comparisons"]),
        *(
            tag("p", f"{one['file']} was evaluated with other settings ({one['differs']}).", class_="warning bad")
            for one in table["entries"]
            if one["differs"]
        ),
    )


def _ranks(entries: Sequence[Mapping[str, Any]]) -> Markup:
    adjusted = any(one["adjusted"] for one in entries)
    columns = [("policy", None), ("rank", "n"), ("success", "n"), ("95% interval", "interval")]
    columns += [("mean over tasks", "n"), ("95% interval", "interval")]
    columns += [("adjusted", "n"), ("95% interval", "interval")] if adjusted else []
    rows = []
    for one in entries:
        macro, adjusted_rate = one["macro"], one["adjusted"] or {"success": None, "ci95": None}
        cells = [one["file"], _rank(one["rank"]), percent(one["success"]), interval(one)]
        cells += [percent(macro["success"]), interval(macro)]
        cells += [percent(adjusted_rate["success"]), interval(adjusted_rate)] if adjusted else []
        rows.append([*cells, f"{one['episodes']:,}"])
    return html_table(_CAPTION + (_ADJUSTED if adjusted else ""), [*columns, ("episodes", "n")], rows)


def _rank(bounds: Sequence[int] | None) -> str:
    """The best and the worst rank that cannot be excluded, as "2–4"; a dash for None."""
    return "–" if bounds is None else "–".join(str(bound) for bound in dict.fromkeys(bounds))


def _differences(ranked: Sequence[str], comparisons: Sequence[Mapping[str, Any]]) -> Markup:
    """One row and one column per policy, best first."""
    found = {(one["a"], one["b"]): (one["effect"], one) for one in comparisons}
    found |= {(b, a): (-effect if effect else effect, one) for (a, b), (effect, one) in found.items()}
    unpaired = sum(one["test"] == "fisher" for one in comparisons)
    text = f"{_DIFFERENCES} {unpaired} of {len(comparisons)} tests are unpaired: too few shared starts."
    rows = [[a, *(_difference(*found[a, b]) if a != b else "" for b in ranked)] for a in ranked]
    return html_table(text if unpaired else _DIFFERENCES, [("policy", None), *((name, "n") for name in ranked)], rows)


def _difference(effect: float | None, one: Mapping[str, Any]) -> object:
    text = points(effect, 0.0)
    return tag("strong", text) if one["p_holm"] <= ALPHA else text
