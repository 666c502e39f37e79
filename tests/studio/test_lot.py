from dataclasses import replace

from ball_world import judge

from praxia.studio.lot import tasks_in_turn


def test_tasks_take_turns_and_the_largest_begins(tmp_path):
    rows = judge(tmp_path / "x.jsonl", {"push": "f", "turn": "fff", "lift": "ff"})
    drawn = tasks_in_turn(rows, lambda row: row)
    assert [row.task for row in drawn] == ["turn", "lift", "push", "turn", "lift", "turn"]
    turns = [row.start for row in drawn if row.task == "turn"]
    assert turns == sorted(turns)


def test_the_order_of_the_file_does_not_matter(tmp_path):
    rows = judge(tmp_path / "x.jsonl", {"push": "ff", "turn": "fff"})
    assert tasks_in_turn(rows[::-1], lambda row: row) == tasks_in_turn(rows, lambda row: row)
    wrapped = [(replace(row), "kept") for row in rows]
    assert [item[0] for item in tasks_in_turn(wrapped, lambda item: item[0])] == tasks_in_turn(rows, lambda row: row)
