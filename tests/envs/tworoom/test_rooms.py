import heapq
import math

import numpy as np
import pytest

from praxia.envs.tworoom.rooms import path_length, shortest_path


def free(x, y):
    return max(abs(x), abs(y)) <= 1.85 + 1e-9 and (abs(x) >= 0.25 - 1e-9 or abs(y) <= 0.3 + 1e-9)


def grid_distances(start, cell_m=0.05):
    """Dijkstra on a grid with steps in 16 directions: at most 3% too long, and 2 cm too short around a corner."""
    to_cell = lambda point: tuple(np.rint(np.array(point) / cell_m).astype(int))  # noqa: E731
    steps = [(dx, dy) for dx in range(-2, 3) for dy in range(-2, 3) if math.gcd(dx, dy) == 1]
    best, queue = {to_cell(start): 0.0}, [(0.0, to_cell(start))]
    while queue:
        length, cell = heapq.heappop(queue)
        if length > best[cell]:
            continue
        for dx, dy in steps:
            other = (cell[0] + dx, cell[1] + dy)
            if not all(
                free((cell[0] + part * dx) * cell_m, (cell[1] + part * dy) * cell_m) for part in (0.25, 0.5, 0.75, 1)
            ):
                continue
            found = length + cell_m * math.hypot(dx, dy)
            if found < best.get(other, math.inf) - 1e-12:
                best[other] = found
                heapq.heappush(queue, (found, other))
    return lambda point: best[to_cell(point)]


@pytest.mark.parametrize("start", [(-1.0, 1.0), (-0.25, -1.5), (0.0, 0.1), (1.5, -0.3)])
def test_paths_are_as_short_as_those_on_a_fine_grid(start):
    distance = grid_distances(start)
    rng = np.random.default_rng(0)
    for _ in range(40):
        goal = np.rint(rng.uniform(-1.8, 1.8, 2) / 0.05) * 0.05
        if not free(*goal):
            continue
        length, reference = path_length(np.array(start), goal), distance(goal)
        assert 0.96 * reference - 0.02 <= length <= reference + 0.02


def test_a_path_to_the_other_room_turns_at_the_doors_edges():
    way = shortest_path(np.array([-1.0, 1.5]), np.array([1.0, 1.5]))
    np.testing.assert_allclose(way, [[-0.25, 0.3], [0.25, 0.3], [1.0, 1.5]])
    (goal,) = shortest_path(np.array([-1.0, 0.0]), np.array([1.0, 0.1]))
    np.testing.assert_allclose(goal, [1.0, 0.1])
