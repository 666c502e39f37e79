from results_testing import made_fingerprint

from praxia.results.competitor import competitor_of


def test_one_policy_is_one_competitor_in_whatever_file_and_run():
    one = competitor_of(made_fingerprint())
    others = ({"seed": 3}, {"control": "swapped-image"}, {"revision": "abd"}, {"bind_as": None, "sampling": None})
    assert {competitor_of(made_fingerprint(**changes)) for changes in others} == {one}


def test_what_changes_its_actions_makes_another_competitor():
    changes = ({}, {"policy_sha256": "beef"}, {"bind_as": "gantry"}, {"pace": {"executed_steps": 1, "ensemble": 0.01}})
    assert len({competitor_of(made_fingerprint(**one)) for one in changes}) == 4
