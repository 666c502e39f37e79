from dataclasses import dataclass

import numpy as np
import pytest
import torch

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import UnknownName
from praxia.core.types import EnvSpec
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.envs import find_family
from praxia.nn.world import Imagined
from praxia.studies.world_measurements import effective_rank, linear_r2, measure_world

FAMILY = find_family("tworoom")


@dataclass(frozen=True)
class Seen:
    place: torch.Tensor

    @property
    def latent(self):
        return self.place[:, None]

    def rows(self, index):
        return Seen(self.place[index])


class Looking:
    """A world whose latent is where red is in the image, mapped by a matrix. It knows of no wall."""

    embodiment = FAMILY.embodiment(EnvSpec("tworoom", "any", size=32))
    window = Window({"image.top": (0,)}, 5)
    stride = 5

    def __init__(self, matrix, speed=0.1):
        self.matrix, self.speed = torch.as_tensor(matrix, dtype=torch.float32), speed

    def start(self, queries):
        images = np.stack([query.history[-1].images["top"] for query in queries]).astype(np.float32)
        red = 245 - images[..., 2]
        red[images[..., 0] < 150] = 0  # the wall
        red /= red.sum((1, 2), keepdims=True)
        steps = (np.arange(32) + 0.5) / 16 - 1
        x, y = (red.sum(1) @ steps) * 2, -(red.sum(2) @ steps) * 2
        return Seen(torch.from_numpy(np.stack([x, y], 1).astype(np.float32)) @ self.matrix)

    def imagine(self, state, actions):
        path = state.place[:, None] + self.speed * actions.cumsum(1) @ self.matrix
        return Imagined(path[:, self.stride - 1 :: self.stride, None], Seen(path[:, -1]))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Expert data to fit on, and to test on."""
    found = []
    for seed in (0, 1):
        root = tmp_path_factory.mktemp("measured") / "data"
        plan = CollectionPlan("tworoom", ("any",), 6, horizon=60, size=32, cameras=("top",), seed=seed)
        collect(plan, root, FAMILY)
        found.append(Dataset(root))
    return found


def test_a_world_that_sees_and_moves_as_it_should(data):
    found = measure_world(Looking([[1.0, 0.3, 2.0], [-0.5, 1.0, 0.0]]), *data, "robot", num_blocks=2)
    assert found["probe_r2"] > 0.99
    assert max(found["open_loop"]) < 0.05
    assert len(found["open_loop"]) == 2
    assert found["latent_std"] > 0.5


def test_a_world_in_which_nothing_moves_is_the_baseline(data):
    found = measure_world(Looking(np.eye(2), speed=0.0), *data, "robot", num_blocks=2)
    assert found["open_loop"] == pytest.approx([1.0, 1.0])


def test_a_collapsed_world_knows_nothing(data):
    found = measure_world(Looking(np.zeros((2, 2))), *data, "robot", num_blocks=2)
    assert found["probe_r2"] < 0.01
    assert found["open_loop"] == [None, None]
    assert found["latent_std"] == 0


def test_half_of_the_position_is_half_of_the_variance():
    rng = np.random.default_rng(0)
    y, test_y = rng.standard_normal((2, 4000, 2))
    assert linear_r2(y, y, test_y, test_y) == pytest.approx(1, abs=1e-5)
    assert linear_r2(y[:, :1], y, test_y[:, :1], test_y) == pytest.approx(0.5, abs=0.03)


def test_an_unknown_field_is_refused(data):
    with pytest.raises(UnknownName, match="nearest: robot"):
        measure_world(Looking(np.eye(2)), *data, "robto")


def test_the_effective_rank_is_the_number_of_equal_directions_at_any_scale():
    random = np.random.default_rng(0)
    basis, _ = np.linalg.qr(random.normal(size=(500, 8)) - 0.0)
    basis, _ = np.linalg.qr(basis - basis.mean(0))
    assert effective_rank(basis) == pytest.approx(8)
    assert effective_rank(1e-6 * basis + 5) == pytest.approx(8)
    assert effective_rank(basis[:, :3] @ np.linalg.qr(random.normal(size=(8, 3)))[0].T) == pytest.approx(3)
    assert effective_rank(np.ones((10, 8))) == 1
    two = basis[:, :2] * [3, 1]
    assert effective_rank(two) == pytest.approx(4 / 3**0.75)  # exp of the entropy of (3/4, 1/4)
