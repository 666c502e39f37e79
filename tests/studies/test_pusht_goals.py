import json

from praxia.envs.pusht.starts import GOALS
from praxia.studies.pusht_goals import expert_goals


def test_the_file_of_goals_is_of_the_experts_episodes():
    stored = json.loads(GOALS.read_text())
    assert len(stored) == 200
    assert expert_goals(3) == stored[:3]
