"""`praxia compare A.jsonl B.jsonl [--until-decided]`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from praxia.cli.console import STDERR

__all__ = ["run"]


@dataclass(frozen=True)
class Arguments:
    """Which of two policies is better, by their episodes from the same starts."""

    a: tyro.conf.Positional[Path]
    """The results file of the first policy, which the verdict is about."""
    b: tyro.conf.Positional[Path]
    """That of the second."""
    until_decided: bool = False
    """Take pairs, all tasks in turn, only until the verdict is sure: a test that may be looked at after every pair.
    Without it all pairs are taken, by an exact test for a number of pairs that was fixed beforehand."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Compare, and return the verdict."""
    options = tyro.cli(Arguments, args=arguments, prog="praxia compare")

    from praxia.results.pairs import pair_files
    from praxia.results.verdict import judge
    from praxia.studio.verdict_text import verdict_sentence, verdict_table

    verdict = judge(pair_files(options.a, options.b), until_decided=options.until_decided)
    STDERR.print(verdict_table(verdict))
    STDERR.print(
        verdict_sentence(verdict, options.a.stem, options.b.stem), highlight=False, markup=False, soft_wrap=True
    )
    return verdict
