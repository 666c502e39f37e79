"""The study of Meta-World's fifty tasks, end to end at a small scale: a task a group, a demonstration each."""

import pytest

pytestmark = [pytest.mark.gl]

GROUPS = ["easy", "medium", "hard", "very hard"]


@pytest.mark.slow
def test_every_group_is_measured_beside_the_expert_and_what_the_policy_uses(study):
    summary, page = study("mt50", 0.001)
    evaluated = [summary[name] for name in ("policy", "expert", "swapped_image", "shuffled_instruction")]
    assert all(list(one["per_group"]) == GROUPS for one in evaluated)
    for one in evaluated:
        rates = [group["success"] for group in one["per_group"].values()]
        assert one["macro_of_groups"]["success"] == pytest.approx(sum(rates) / len(rates))
        assert one["macro_of_groups"]["ci95"][0] <= one["macro_of_groups"]["success"]
    assert summary["expert"]["success"] == 1.0
    assert summary["policy"]["success"] < 1.0, "it was trained for a few steps"
    for words in ("swapped-image", "shuffled-instruction", "privileged"):
        assert words in page, words
