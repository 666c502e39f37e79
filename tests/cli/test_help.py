"""What users read: every option has a text and a metavar, every verb an example, every named command exists."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

import praxia
from praxia.cli import arguments, data
from praxia.cli.data import edit
from praxia.cli.main import OTHER_NAMES, VERBS, main
from praxia.evaluation.benchmarks import find_benchmark
from praxia.reinforce.config import LEARNERS

SUBVERBS = {
    "data": data.VERBS,
    "data edit": edit.OPERATIONS,
    "reinforce": LEARNERS,
    "tokenizer": {"fit": "", "report": ""},
}
# Verbs that parse options themselves; `train` does so for every recipe.
LEAVES = [
    *(verb for verb in VERBS if verb not in ("train", "reinforce", "data", "tokenizer")),
    *(f"data {verb}" for verb in data.VERBS if verb != "edit"),
    *(f"data edit {name}" for name in edit.OPERATIONS),
    *(f"reinforce {name}" for name in LEARNERS),
    "tokenizer fit",
    "tokenizer report",
]
# "STR", "{None}|INT" and the like say a type, and not what is meant.
TYPE = re.compile(r"(\{None\}\|)?(STR|INT|FLOAT)\b.*")
SOURCES = sorted(Path(praxia.__file__).parent.rglob("*.py"))


def run(*options):
    with pytest.raises(SystemExit) as stopped:
        main(options)
    return stopped.value.code


@pytest.fixture
def help_of(capsys, monkeypatch):
    """`help_of(verb)` is the text of its --help, in lines that are not wrapped."""
    monkeypatch.setenv("COLUMNS", "400")

    def help_of(verb):
        assert run(*verb.split(), "--help") == 0
        return capsys.readouterr().out

    return help_of


def parameters(text):
    """(name and metavar, text) of each parameter in a help text; a long name has its text on the line below."""
    lines = [line.rstrip() for line in text.splitlines()]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if {"-"} in (set(line.strip()), set(following.strip())):
            continue  # what a group of options is, and the rule below it
        if found := re.fullmatch(r"  ([-A-Z\[].*?)(  +\S.*)?", line):
            words = found[2] or (following if following.startswith("    ") else "")
            yield found[1], re.sub(r"\((default: .*|required)\)$", "", words.strip()).strip()


@pytest.mark.parametrize("verb", LEAVES)
def test_every_option_has_a_text_and_a_metavar_that_means_something(verb, help_of):
    found = list(parameters(help_of(verb)))
    assert any("--json" in name for name, _ in found)
    for name, text in found:
        assert text, f"{verb} {name} has no text"
        metavar = name.partition(" ")[2] if name.startswith("-") else name.strip("[]")
        assert not TYPE.fullmatch(metavar), f"{verb} {name}"


def test_help_is_quick_because_it_imports_nothing_heavy():
    code = f"""
import sys
from praxia.cli.main import main
for verb in {[*LEAVES, "train", "reinforce", "data", "tokenizer"]!r}:
    try:
        main([*verb.split(), "--help"])
    except SystemExit as end:
        assert not end.code, verb
heavy = ("torch", "lightning", "transformers", "pyarrow", "scipy", "av", "mujoco", "tensorboard")
print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


class ParsedArguments(BaseException):
    """Raised in place of running a verb whose options have been parsed."""


@pytest.mark.parametrize("verb", [verb for verb in LEAVES if not verb.startswith("tokenizer ")] + ["tokenizer"])
def test_every_verb_has_an_example_that_parses(verb, help_of, monkeypatch):
    (example,) = re.findall(r"^Example: (praxia .*)$", help_of(verb), re.MULTILINE)
    parse = tyro.cli

    def parse_and_stop(*parsed, **options):
        parse(*parsed, **options)
        raise ParsedArguments

    monkeypatch.setattr(arguments.tyro, "cli", parse_and_stop)
    words = shlex.split(example)
    if "--benchmark" in words:
        find_benchmark(words[words.index("--benchmark") + 1])
    assert words[: 1 + len(verb.split())] == ["praxia", *verb.split()]
    with pytest.raises(ParsedArguments):
        main(words[1:])


def texts():
    """The strings of the package's source, with {} in place of what is computed."""
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield path, "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                yield path, node.value


def named_commands():
    """The commands in messages and help: in backticks, or as the list of an unknown name."""
    for path, text in texts():
        for command in re.findall(r"`praxia ([a-z][^`]*)`", " ".join(text.split())):
            yield path.name, command
        if listed := re.fullmatch(r"praxia ([a-z][a-z ]*(--[a-z-]+|\{\}|[a-z]+).*)", text):
            yield path.name, listed[1]


def test_every_command_that_a_text_names_exists(help_of):
    commands = set(named_commands())
    assert len({command for _, command in commands}) > 40
    known = {}
    for where, command in sorted(commands):
        words = command.split()
        verb = words[0]
        assert verb in VERBS, f"{where}: praxia {command}"
        while verb in SUBVERBS and len(words) > len(verb.split()):
            following = words[len(verb.split())]
            if following.startswith("-") or not re.fullmatch(r"[a-z|-]+", following):
                break
            assert set(following.split("|")) <= set(SUBVERBS[verb]), f"{where}: praxia {command}"
            verb = f"{verb} {following.partition('|')[0]}"
        options = re.findall(r"(?<!\S)\[?(--[a-z][a-z-]*)", command)
        # An operation that is known only when the message is made is any of them.
        asked = [f"{verb} {one}" for one in SUBVERBS[verb]] if "edit {}" in command else [verb]
        asked = ["train act" if one == "train" else one for one in asked]
        known |= {one: help_of(one) for one in asked if one not in known}
        text = "".join(known[one] for one in asked)
        for option in options:
            assert option in ("--help", "--json") or re.search(rf"{option}\b", text), f"{where}: praxia {command}"


@pytest.mark.parametrize(("name", "meant"), OTHER_NAMES.items())
def test_an_old_or_another_name_of_a_verb_is_understood(name, meant, capsys):
    assert run(name) == 2
    assert capsys.readouterr().err.startswith(f"praxia: unknown verb {name!r}; nearest: {meant}. List all")
    assert meant.split()[0] in VERBS
