import pytest
from praxia_testing import make_shapes

from praxia.core.errors import MismatchError
from praxia.encoders.state_only import StateOnly
from praxia.heads.diffusion import Diffusion
from praxia.heads.flow import Flow
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.studies.remedies import REMEDIES


@pytest.mark.parametrize("remedy", REMEDIES.values(), ids=REMEDIES)
@pytest.mark.parametrize("head", [Flow(), Diffusion()], ids=lambda head: head.tag)
def test_each_remedy_makes_a_model_that_is_built_and_sampled_with_it(remedy, head):
    model = EncoderHead(StateOnly(), head)
    prepared = remedy.prepare(model, 2)
    assert (prepared != model) == remedy.trains
    assert prepared.unfitted() == model.unfitted()  # the same network: the naive policy can be fine-tuned to have it
    assert prepared.sampled(remedy.sampling).build(make_shapes()).noise_shape == (4, 2)


def test_a_head_without_noise_has_no_prefix():
    with pytest.raises(MismatchError, match="expected head 'flow' or 'diffusion' .* got 'regression'"):
        REMEDIES["trained-prefix"].prepare(EncoderHead(StateOnly(), Regression()), 2)
