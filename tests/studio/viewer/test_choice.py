import pytest

from praxia.core.errors import UnknownName
from praxia.studio.viewer.choice import chosen_cameras


def test_cameras_by_name(demos):
    assert chosen_cameras(demos, []) == ("front", "wrist")
    assert chosen_cameras(demos, ["wrist", "wrist"]) == ("wrist",)
    with pytest.raises(UnknownName, match="unknown camera 'frnt'; nearest: front"):
        chosen_cameras(demos, ["frnt"])
