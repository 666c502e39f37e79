import pytest

from praxia.core.files import expand_home, split_paths


@pytest.fixture
def there(tmp_path, monkeypatch):
    for name in ("a,b", "c", "d,e,f", "d"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a,b", ["a,b"]),
        ("a,b,c", ["a,b", "c"]),
        ("c,a,b", ["c", "a,b"]),
        ("d,e,f", ["d,e,f"]),
        ("d,e,f,d", ["d,e,f", "d"]),
        ("d,c", ["d", "c"]),
        ("x,y", ["x", "y"]),
        ("~/a,b,~/c", ["~/a,b", "~/c"]),
        ("s3://x,y", ["s3://x", "y"]),
        ("c,", ["c", ""]),
        ("", [""]),
    ],
)
def test_a_path_that_is_there_is_one_whatever_commas_it_holds(there, text, paths):
    assert split_paths(text) == paths


def test_home_is_meant_unless_a_folder_is_called_so(there):
    assert expand_home("~/c") == str(there / "c")
    assert expand_home("c~") == "c~"
    (there / "~").mkdir()
    assert expand_home("~") == "~"
