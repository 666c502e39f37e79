import io

from rich.console import Console

from praxia.studio.dataset_tables import dataset_tables

SUMMARY = {
    "cameras": {"top": [480, 640]},
    "codecs": {"top": "av1, yuv420p"},
    "state": [{"name": "joints", "size": 2, "kind": "position", "unit": "rad", "low": -1.5, "high": None}],
    "action": [{"name": "joints", "size": 2, "kind": "position", "unit": "rad", "dims": ["[bold]pan", "lift"]}],
    "tasks": {"stack": {"episodes": 4, "successes": None, "frames": 160}},
}


def test_cameras_vectors_and_tasks_are_tables_and_names_are_no_markup():
    console = Console(file=io.StringIO(), width=100)
    for table in dataset_tables(SUMMARY):
        console.print(table)
    text = console.file.getvalue()
    for expected in ("480 x 640", "av1, yuv420p", "-1.5 .. ", "[bold]pan, lift", "stack", "?", "160"):
        assert expected in text


def test_without_cameras_there_is_no_table_of_them():
    assert len(list(dataset_tables({**SUMMARY, "cameras": {}}))) == 2
