"""The studies of Tabletop, end to end at a small scale."""

import pytest

pytestmark = [pytest.mark.gl]


@pytest.mark.slow
def test_the_axes_are_measured_and_shown(study):
    summary, page = study("tabletop", 0.001)
    assert set(summary["train"]) == {"touch", "push", "press", "pick", "place"}
    assert set(summary["task"]) == {"combinations", "phrasings", "references", "relations", "verbs"}
    assert set(summary["scene"]) == {"colours", "textures", "lights", "cameras", "heights", "distractors"}
    assert summary["expert"]["train"] >= 0.8
    assert "Generalisation" in page
    for words in ("phrasings", "distractors", "other-instruction", "language-free", "after-five-minutes"):
        assert words in page, words
    assert page.count("<video") >= 5, "one a benchmark"


def test_every_expert_is_measured_with_every_embodiment(study):
    summary, _ = study("tabletop-expert", 0.01)
    assert len(summary["per_embodiment"]) == 5
    assert all(len(tasks) == 11 for tasks in summary["per_embodiment"].values())
    assert summary["pooled"] >= 0.9
