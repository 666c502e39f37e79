import torch
from world_testing import PointWorld, expect_world, query

from praxia.nn.world import World, WorldState


def test_a_world_keeps_what_the_interface_promises():
    world = PointWorld()
    queries = [query((0.0, 0.0)), query((9.0, 9.0), (0.5, -0.5))]
    assert isinstance(world, World)
    assert isinstance(world.start(queries), WorldState)
    expect_world(world, queries, torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(0)))


def test_actions_have_gradients_through_what_is_imagined():
    world, actions = PointWorld(), torch.zeros(1, 4, 2, requires_grad=True)
    imagined = world.imagine(world.start([query((0.0, 0.0))]), actions)
    imagined.latents[0, -1, 0, 0].backward()
    torch.testing.assert_close(actions.grad, torch.tensor([[[0.1, 0.0]] * 4]))
