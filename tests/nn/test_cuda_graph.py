"""What surrounds a CUDA graph, with a capture that computes the function again on its static inputs."""

import torch
from praxia_testing import CaptureStub

from praxia.nn.cuda_graph import GraphedCalls


def test_every_shape_is_captured_once_and_replays_the_newest_inputs():
    capture = CaptureStub()
    graphed = GraphedCalls(capture)
    values = [torch.randn(size, 3) for size in (2, 2, 4, 2, 4)]
    scales = [torch.tensor([2.0]), torch.tensor([3.0])]
    for at, value in enumerate(values):
        scale = scales[at % 2]
        torch.testing.assert_close(graphed(lambda x, s: x * s, [value, scale]), value * scale)
    assert capture.num == 2
    graphed(lambda x, s: x * s, [values[0].double(), scales[0]])
    assert capture.num == 3


def test_an_output_outlives_the_next_replay():
    graphed = GraphedCalls(CaptureStub())
    first = graphed(torch.square, [torch.tensor([2.0])])
    graphed(torch.square, [torch.tensor([3.0])])
    assert first.item() == 4.0
