"""Options that are given twice: all of them count, or the second is refused."""

from dataclasses import dataclass, fields

import pytest

from praxia.cli.arguments import parse
from praxia.cli.data.edit import DeleteArguments, JoinArguments, RenameArguments, SplitArguments
from praxia.cli.data.edit import run as edit
from praxia.cli.main import VERBS, main
from praxia.core.errors import PraxiaError


@pytest.mark.parametrize(
    "words",
    [
        "SET --feature a=b --feature c=d --out NEW",
        "SET --feature=a=b --out NEW --feature c=d",
        "--feature a=b --out NEW --feature=c=d -- SET",
        "SET --out=NEW --feature a=b c=d",
    ],
)
def test_all_values_of_a_list_are_used(words):
    found = parse(RenameArguments, words.split(), "praxia")
    assert (found.root, found.out, found.feature) == ("SET", "NEW", ("a=b", "c=d"))


def test_a_list_after_one_letter_options_is_unchanged():
    found = parse(
        SplitArguments, ["SET", "--out", "A", "B", "--episodes", "0-3", "--episodes", "4,6-7", "--dry-run"], "praxia"
    )
    assert (found.out, found.episodes, found.dry_run) == (("A", "B"), ("0-3", "4,6-7"), True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--episodes 1 --episodes 3", "--episodes once, got --episodes 1 and --episodes 3"),
        ("--episodes=1 --out X --episodes 1", "--episodes once"),
        ("--episodes 1 --out X --out=Y", "--out once"),
        ("--episodes 1 --dry-run --dry_run", "--dry-run once"),
        ("--episodes 1 --dry-run --no-dry-run", "--dry-run once"),
    ],
)
def test_a_second_value_is_refused_in_one_line(words, message):
    with pytest.raises(PraxiaError, match=message) as caught:
        parse(DeleteArguments, ["SET", *words.split()], "praxia")
    assert "\n" not in str(caught.value)


TWICE = {
    "plan": "w --benchmark b --episodes 2 --episodes 3 --out o",
    "imagine": "w d --out o --blocks 1 --blocks 2",
    "collect": "pusht --tasks a --tasks b",
    "data": "mix SET --steps 1 --steps 2",
    "train": "flow-pusht --data A --out X --data B",
    "reinforce": "sac metaworld --tasks a --tasks b --out X",
    "preflight": "P --benchmark A --benchmark B",
    "eval": "P --benchmark A --out X --episodes 1 --episodes 2",
    "compare": "A B --benchmark X --benchmark Y",
    "leaderboard": "F --out A --out B",
    "report": "F --out A --out B",
    "info": "F --json --json",
    "tokenizer": "fit F --horizon 1 --horizon 2",
    "recipes": "--json --json",
    "study": "demo --out A --out B",
    "serve": "P --port 1 --port 2",
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_a_second_value(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        main([verb, *TWICE[verb].split()])
    assert caught.value.code == 2
    assert " once, got --" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "view", "info", "stats", "import", "export", "edit"])
def test_every_verb_of_data_refuses_a_second_value(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["data", verb, *(["trim"] if verb == "edit" else []), "A", "B", "--json", "--json"])
    assert caught.value.code == 2
    assert "--json once" in capsys.readouterr().err


@pytest.mark.parametrize(("operation", "kind"), [("rename", RenameArguments), ("join", JoinArguments)])
def test_a_name_that_is_given_twice_is_refused(operation, kind):
    assert "feature" in {one.name for one in fields(kind)}
    with pytest.raises(PraxiaError, match=r"a=\.\.\. once, got a=b and a=c"):
        edit([operation, "SET", "--out", "NEW", "--feature", "a=b", "a=c"])


@dataclass(frozen=True)
class Part:
    """A part."""

    depth: int = 1
    """How deep."""


@dataclass(frozen=True)
class Whole:
    """What may have a part."""

    part: Part | None
    """The part."""


@dataclass(frozen=True)
class Options:
    """The options of a command."""

    whole: Whole = Whole(Part(3))


def test_a_part_that_may_be_absent_has_options_and_is_no_subcommand(capsys):
    assert parse(Options, ["--whole.part.depth", "5"], "praxia") == Options(Whole(Part(5)))
    assert parse(Options, [], "praxia") == Options()
    with pytest.raises(SystemExit):
        parse(Options, ["--help"], "praxia")
    assert "{" not in capsys.readouterr().out
