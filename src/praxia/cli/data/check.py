"""`praxia data check DIR`."""

from dataclasses import dataclass
from shlex import quote
from typing import Annotated, Any

import tyro

from praxia.cli.arguments import parse
from praxia.core.errors import CheckFailed
from praxia.studio.console import STDERR, print_summary, stages

__all__ = ["run"]

MAX_SHOWN = 20


@dataclass(frozen=True)
class CheckArguments:
    """Check a data set: every file, row, timestamp and image; list everything that is wrong.

    Exit code 0 if nothing is, else 2. --json prints
    {ok, episodes_safe, problems: [{file, episode, kind, detail, count}]}.
    """

    root: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DIR")]
    """The data set's folder."""
    quick: bool = False
    """Count images without decoding them."""
    json: bool = False
    """Print one JSON object on stdout."""


def run(arguments: list[str]) -> dict[str, Any]:
    """Check a data set; returns the result of `datatools.check.dataset.check`.

    Raises:
        Refused: something is wrong; the error carries the result.
    """
    options = parse(CheckArguments, arguments, "praxia data check", example="praxia data check my/dataset")

    from praxia.datatools.check.dataset import check

    with stages() as report:
        result = check(options.root, quick=options.quick, report=report)
    print_summary({name: value for name, value in result.items() if name not in ("problems", "notes")})
    problems = result["problems"]
    for problem in problems[:MAX_SHOWN]:
        STDERR.print(f"  {_line(problem)}", highlight=False, markup=False, soft_wrap=True)
    if len(problems) > MAX_SHOWN:
        STDERR.print(f"  and {len(problems) - MAX_SHOWN} more; --json lists all")
    for note in result["notes"][:MAX_SHOWN]:
        STDERR.print(f"  note: {_line(note)}", highlight=False, markup=False, soft_wrap=True)
    if len(result["notes"]) > MAX_SHOWN:
        STDERR.print(f"  and {len(result['notes']) - MAX_SHOWN} more notes; --json lists all")
    if not result["ok"]:
        many = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise CheckFailed(
            f"{options.root} has {many}; {result['episodes_safe']} of {result['episodes'] or 'its'} "
            f"episodes are safe. The first: {_line(problems[0])}{_next_command(options.root, result)}",
            result,
        )
    return result


def _next_command(root: str, result: dict[str, Any]) -> str:
    """The command that keeps the safe episodes, if there are any."""
    from praxia.data.episode import format_episodes

    safe = format_episodes([number for first, last in result["safe"] for number in range(first, last + 1)])
    text = f". To keep the safe ones: `praxia data edit split {quote(root)} --episodes {safe} --out NEW`"
    return text if safe else ""


def _line(problem: dict[str, Any]) -> str:
    episode = "all episodes" if problem["episode"] is None else f"episode {problem['episode']}"
    times = f" ({problem['count']} times)" if problem["count"] > 1 else ""
    return f"{problem['kind']}: {problem['file']}, {episode}: {problem['detail']}{times}"
