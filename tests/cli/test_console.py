from praxia.cli import console


def test_a_summary_has_a_dash_where_there_is_no_value(monkeypatch):
    printed: list[str] = []
    monkeypatch.setattr(console.STDERR, "print", lambda text, **_: printed.append(text))
    values = {"success": None, "per_task": {"walk": {"ci95": None, "rates": [0.123456, None]}}, "path": "/data"}
    console.print_summary(values)
    assert [line.split(maxsplit=1) for line in printed] == [
        ["success", "–"],
        ["per_task", "{walk: {ci95: –, rates: [0.1235, –]}}"],
        ["path", "/data"],
    ]
