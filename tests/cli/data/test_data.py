import pytest

from praxia.cli.data import VERBS, run
from praxia.core.errors import PraxiaError, UnknownName


def test_help_lists_every_verb(capsys):
    with pytest.raises(SystemExit):
        run(["--help"])
    text = capsys.readouterr().out
    assert all(f"praxia data {verb}" in text for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_and_json(verb, capsys):
    with pytest.raises(SystemExit):
        run([verb, "--help"])
    assert "--json" in capsys.readouterr().out


def test_an_unknown_verb_names_the_nearest():
    with pytest.raises(UnknownName, match="info"):
        run(["inof"])


@pytest.mark.parametrize("verb", [["stats"], ["edit", "merge"]])
def test_required_folders_are_marked(verb, capsys):
    with pytest.raises(SystemExit):
        run([*verb, "--help"])
    usage, _, rest = capsys.readouterr().out.partition("positional arguments")
    folders = rest.partition("options")[0]
    assert "DIR [DIR ...]" in usage
    assert "(required)" in folders
    assert "default" not in folders


def test_stats_of_no_folder():
    with pytest.raises(PraxiaError, match="expected the folder of a data set, got none; see `praxia data stats"):
        run(["stats"])
