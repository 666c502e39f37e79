import pytest
from praxia_testing import make_shapes

from praxia.core.errors import MismatchError
from praxia.core.window import Window
from praxia.encoders.state_only import StateOnly
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.studies.remedies import REMEDIES
from praxia.training.config import Train, TrainRun


def run_of(head):
    return TrainRun(EncoderHead(StateOnly(), head), Window({"state": (0,)}, horizon=8), Train(steps=1, batch_size=1))


@pytest.mark.parametrize("remedy", REMEDIES.values(), ids=REMEDIES)
@pytest.mark.parametrize("head", [Flow(), Diffusion()], ids=lambda head: head.tag)
def test_each_remedy_makes_a_run_whose_model_is_built_and_sampled_with_it(remedy, head):
    run = run_of(head)
    prepared = remedy.prepare(run, 2)
    assert (prepared != run) == remedy.trains
    assert (prepared.window != run.window) == (remedy.name == "corrected")
    assert prepared.model.sampled(remedy.sampling).build(make_shapes(horizon=8)).noise_shape == (8, 2)


@pytest.mark.parametrize("name", ["trained-prefix", "rolled-forward"])
def test_the_policy_of_the_naive_switch_can_be_fine_tuned_to_have_it(name):
    run = run_of(Flow())
    assert REMEDIES[name].prepare(run, 2).model.unfitted() == run.model.unfitted()


def test_what_cannot_have_a_remedy_is_refused_in_one_line():
    with pytest.raises(MismatchError, match=r"expected head 'flow' or 'diffusion' .* got 'regression'"):
        REMEDIES["trained-prefix"].prepare(run_of(Regression()), 2)
    with pytest.raises(MismatchError, match="expected a model of encoder and head for a correction, got 'corrected'"):
        REMEDIES["corrected"].prepare(REMEDIES["corrected"].prepare(run_of(Flow()), 2), 2)
