import pytest

from praxia.cli.data import VERBS, run
from praxia.core.errors import UnknownName


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
