"""What all solvers promise: an optimum that is known, plans within bounds, noise by episode and step, rows apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from praxia.core.embodiment import Embodiment, Field
from praxia.core.errors import MismatchError, PraxiaError
from praxia.planning import SOLVERS, find_solver
from praxia.planning.cem import CEM
from praxia.planning.gradient import Gradient
from praxia.planning.mppi import MPPI
from praxia.planning.solver import Bounds, Noise, expect_counts

BOUNDS = Bounds(torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 10.0]))
KEYS = [("first", 0), ("second", 5), ("third", 0)]
TARGETS = torch.tensor([[0.3, 4.0], [-0.7, 9.0], [0.0, 1.0]])
SHAPE = (3, 2)  # blocks, numbers

SOLVERS_HERE = [
    CEM(samples=200, iterations=20, elites=20),
    MPPI(iterations=20, temperature=0.05),
    Gradient(iterations=150),
]


def quadratic(targets):
    """The squared distance of every block from the row's target, in halves of the range."""
    return lambda plans: ((plans - targets[:, None, None]) / BOUNDS.half).square().sum((2, 3))


def solve(solver, rows=(0, 1, 2), keys=KEYS):
    rows = list(rows)
    guess = BOUNDS.middle.expand(len(rows), *SHAPE)
    noise = Noise([keys[row] for row in rows])
    return solver.solve(quadratic(TARGETS[rows]), guess, BOUNDS, noise)


def test_every_solver_is_registered_by_its_tag():
    assert {tag: find_solver(tag).tag for tag in SOLVERS} == {tag: tag for tag in SOLVERS}
    assert {type(one) for one in SOLVERS_HERE} == set(map(find_solver, SOLVERS))


@pytest.mark.parametrize("solver", SOLVERS_HERE, ids=lambda one: one.tag)
def test_the_optimum_of_a_quadratic_is_found(solver):
    errors = (solve(solver) - TARGETS[:, None]) / BOUNDS.half
    assert errors.abs().max() < 0.03


@pytest.mark.parametrize("solver", SOLVERS_HERE, ids=lambda one: one.tag)
def test_an_optimum_beyond_the_range_is_its_edge(solver):
    targets = torch.tensor([[3.0, 40.0]])
    plan = solver.solve(quadratic(targets), BOUNDS.middle.expand(1, *SHAPE), BOUNDS, Noise(KEYS[:1]))
    assert (plan <= BOUNDS.high).all()
    assert ((BOUNDS.high - plan) / BOUNDS.half).max() < 0.05


@pytest.mark.parametrize("solver", SOLVERS_HERE, ids=lambda one: one.tag)
def test_a_plan_depends_on_its_own_row_alone(solver):
    together = solve(solver)
    for row in range(len(KEYS)):
        assert torch.equal(solve(solver, [row])[0], together[row])
    assert torch.equal(solve(solver, [2, 0, 1]), together[[2, 0, 1]])


@pytest.mark.parametrize("solver", SOLVERS_HERE, ids=lambda one: one.tag)
def test_noise_depends_on_episode_and_step(solver):
    short = replace(solver, iterations=2)
    plan = solve(short)
    assert torch.equal(solve(short), plan)
    assert not torch.equal(solve(short, keys=[("first", 1), *KEYS[1:]])[0], plan[0])
    assert not torch.equal(solve(short, keys=[("other", 0), *KEYS[1:]])[0], plan[0])


@pytest.mark.parametrize("solver", SOLVERS_HERE, ids=lambda one: one.tag)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_candidates_without_a_finite_cost_are_avoided(solver, bad):
    """A cost that is no number above the middle of the range, where the optimum would be."""
    targets = torch.tensor([[0.5, 8.0]])

    def cost(plans):
        costs = quadratic(targets)(plans)
        return torch.where((plans[..., 0] > 0).any(2), bad, costs)

    begin = torch.tensor([-0.5, 5.0]).expand(1, *SHAPE)
    plan = solver.solve(cost, begin, BOUNDS, Noise(KEYS[:1]))
    assert plan.isfinite().all()
    assert plan[..., 0].max() <= 0


def test_gradients_need_a_cost_that_has_one():
    plans = BOUNDS.middle.expand(1, *SHAPE)
    with pytest.raises(MismatchError, match="differentiable world"):
        Gradient().solve(lambda candidates: candidates.detach().sum((2, 3)), plans, BOUNDS, Noise(KEYS[:1]))


def test_a_search_leaves_an_edge_that_rounding_puts_beyond_the_range():
    """In float32 the middle less half of this range is just below .1."""
    narrow = Bounds(torch.tensor([0.1]), torch.tensor([0.4]))
    assert narrow.middle - narrow.half < narrow.low
    seen = []

    def cost(plans):
        seen.append(plans.detach())
        return (plans - 0.25).square().sum((2, 3))

    solver = Gradient(samples=1, iterations=60)
    plan = solver.solve(cost, torch.full((1, 1, 1), 0.1), narrow, Noise(KEYS[:1]))
    assert abs(float(plan) - 0.25) < 0.01
    assert all((narrow.low <= one).all() for one in (*seen, plan)), "a plan beyond the range"


def test_the_worlds_weights_get_no_gradient():
    weight = torch.ones((), requires_grad=True)
    plans = BOUNDS.middle.expand(1, *SHAPE)
    plan = Gradient(iterations=2).solve(lambda one: (weight * one).square().sum((2, 3)), plans, BOUNDS, Noise(KEYS[:1]))
    assert weight.grad is None
    assert not plan.requires_grad


@pytest.mark.parametrize(
    "make",
    [
        lambda: CEM(iterations=0),
        lambda: CEM(samples=30, elites=30),
        lambda: CEM(std=0.0),
        lambda: MPPI(samples=32),
        lambda: MPPI(temperature=0.0),
        lambda: Gradient(samples=0),
        lambda: expect_counts(samples=8.5),
        lambda: expect_counts(samples=True),
        lambda: Gradient(learning_rate=-1.0),
    ],
)
def test_wrong_settings_are_refused(make):
    with pytest.raises(PraxiaError, match="expected"):
        make()


def test_bounds_are_the_declared_ranges():
    arm = Field("arm", 2, "velocity", "m/s", low=-1.0, high=3.0)
    robot = Embodiment("robot", (), (arm, Field("gripper", 1, "gripper", "", low=0.0, high=1.0)), (), 10.0)
    bounds = Bounds.of(robot)
    np.testing.assert_array_equal(bounds.low, [-1, -1, 0])
    np.testing.assert_array_equal(bounds.middle, [1, 1, 0.5])
    np.testing.assert_array_equal(bounds.repeated(2).high, [3, 3, 1, 3, 3, 1])
    with pytest.raises(MismatchError, match="'arm' of 'robot' has none"):
        Bounds.of(replace(robot, action=(replace(arm, high=None),)))
