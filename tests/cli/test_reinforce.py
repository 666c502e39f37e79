import pytest

from praxia.cli.main import main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected an algorithm as the first argument, got none"),
        ("scc metaworld --tasks a --out X", "unknown algorithm 'scc'; nearest: sac"),
        ("sac metaworld --tasks a,b --out X", "expected one task, since a specialist has one, got 'a,b'"),
        ("sac metaworld --tasks windw-open --out X", "unknown Meta-World task 'windw-open'; nearest: window-open"),
        ("sac metaworld --tasks window-open --reward sparse --out X", "unknown reward of metaworld 'sparse'"),
        ("rlpd metaworld --tasks window-open --out X", "expected --demos DIR with rlpd, got none"),
        ("sac pusht --tasks push --out X --learner.critics 1", "--learner.critics of at least 2"),
        ("sac pusht --tasks push --out X --learner.temperature 0", "--learner.temperature above 0, got 0"),
        ("sac pusht --tasks push --out X --workers 0", "expected --workers of at least 1, got 0"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["reinforce", *words.split()])
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "X").exists()
