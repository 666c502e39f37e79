import pytest
from ball_world import page_without_videos, text_of, write_results

from praxia.results.mcnemar import PairCounts, newcombe_interval
from praxia.studio.ablation import success_drop
from praxia.studio.comparison import group_by_benchmark
from praxia.studio.sources import read_sources

OWN = "s" * 35 + "f" * 5


def write_with_controls(root, **letters):
    write_results(root / "own.jsonl", {"push": OWN}, policy="runs/flow")
    for kind, outcomes in letters.items():
        name = kind.replace("_", "-")
        of = {"policy": name, "sha256": name} if name == "zero" else {"policy": "runs/flow", "control": name}
        write_results(root / f"{name}.jsonl", {"push": outcomes}, **of)


def drop_in(root):
    (comparison,) = group_by_benchmark(read_sources([root]))
    return success_drop(comparison.main, comparison.others[0])


@pytest.mark.parametrize(
    ("control", "verb"),
    [
        ("f" * 40, "uses"),
        ("s" * 24 + "f" * 16, "uses"),
        ("s" * 35 + "f" * 5, "hardly uses"),
        ("s" * 40, "does better without"),
        # A difference of 5 points that may be 15.
        ("s" * 31 + "f" * 7 + "ss", "may or may not use"),
    ],
)
def test_the_verb_follows_the_interval(tmp_path, control, verb):
    write_with_controls(tmp_path, swapped_image=control)
    assert drop_in(tmp_path).verb == verb


def test_a_policy_that_never_succeeds_may_or_may_not_use_its_input(tmp_path):
    write_results(tmp_path / "own.jsonl", {"push": "f" * 60}, policy="runs/flow")
    write_results(tmp_path / "x.jsonl", {"push": "f" * 60}, policy="runs/flow", control="swapped-image")
    drop = drop_in(tmp_path)
    assert drop.interval[1] < 0.1
    assert drop.verb == "may or may not use"


def test_the_table_has_the_paired_difference_and_its_interval(tmp_path, document):
    write_with_controls(tmp_path, swapped_image="s" * 10 + "f" * 30, frozen_state=OWN, zero="f" * 40)
    page = page_without_videos(tmp_path)
    rows = [row for row in document(page).rows if len(row) == 5]
    low, high = newcombe_interval(PairCounts(10, 25, 0, 5))
    assert rows[1] == ["flow", "87.5%", "", "", "40"]
    (swapped,) = [row for row in rows if row[0].startswith("swapped-image")]
    assert swapped[1:] == ["25.0%", "−62.5", f"−{100 * high:.1f} to −{100 * low:.1f}", "40"]
    (zero,) = [row for row in rows if row[0].startswith("zero")]
    assert zero[1:3] == ["0.0%", "−87.5"]
    text = text_of(page)
    assert "flow uses its images (−62.5 points), hardly uses its state (+0.0 points)." in text


def test_inputs_with_the_same_verb_are_listed_together(tmp_path):
    write_with_controls(tmp_path, swapped_image="f" * 40, shuffled_instruction="s" * 10 + "f" * 30, frozen_state=OWN)
    text = text_of(page_without_videos(tmp_path))
    assert "flow uses its images (−87.5 points) and its instruction (−62.5 points), hardly uses its state (" in text


def test_only_shared_starts_count(tmp_path):
    write_results(tmp_path / "own.jsonl", {"push": "ssffss", "turn": "ss"}, policy="runs/flow")
    write_results(tmp_path / "x.jsonl", {"push": "fffe"}, policy="runs/flow", control="swapped-image")
    assert drop_in(tmp_path).counts == PairCounts(0, 2, 0, 1)


def test_a_policy_that_is_not_better_than_zero_is_named(tmp_path):
    write_with_controls(tmp_path, swapped_image="f" * 40, zero="s" * 33 + "f" * 7)
    assert "It was not shown to be better than zero." in text_of(page_without_videos(tmp_path))


def test_a_control_with_other_settings_is_refused(tmp_path):
    write_results(tmp_path / "own.jsonl", {"push": OWN}, policy="runs/flow")
    write_results(tmp_path / "x.jsonl", {"push": OWN}, control="swapped-image", versions={"mujoco": "3.3.0"})
    text = text_of(page_without_videos(tmp_path))
    assert "swapped-image: it was evaluated with other settings (versions mujoco was '3.8.1', is '3.3.0')." in text


def test_without_controls_there_is_no_section(tmp_path):
    write_with_controls(tmp_path, zero="f" * 40)
    assert "What flow uses" not in text_of(page_without_videos(tmp_path))
