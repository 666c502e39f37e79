import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toy_point import FAMILY, ppo_run

from praxia.core.errors import PraxiaError
from praxia.policies.specialist import Actor, squash
from praxia.reinforce.config import PPO
from praxia.reinforce.ppo import ActorValue, advantages
from praxia.reinforce.run import reinforce
from praxia.rollout.slots import LocalSlots

train = partial(reinforce, family=FAMILY, command="c", make_slots=lambda count: LocalSlots(count, FAMILY.build))


def test_advantages_are_the_weighted_sum_of_n_step_advantages():
    """Written out from the definition, for two episodes between each other; one is cut off, the other terminates."""
    rng = np.random.default_rng(0)
    reward, value, after = (rng.standard_normal(9).astype(np.float32) for _ in range(3))
    episode = np.array([4, 7, 4, 4, 7, 7, 4, 7, 9])
    goes_on = np.array([True, True, True, True, True, True, True, False, True])
    found = advantages(reward, value, after, goes_on, episode, 0.9, 0.8)
    for number in (4, 7, 9):
        rows = np.flatnonzero(episode == number)
        for at, row in enumerate(rows):
            expected = sum(
                (0.9 * 0.8) ** step * (reward[one] + 0.9 * goes_on[one] * after[one] - value[one])
                for step, one in enumerate(rows[at:])
            )
            assert found[row] == pytest.approx(expected, rel=1e-5)


def test_with_a_decay_of_one_they_are_returns_minus_values():
    reward, value = np.ones(3, np.float32), np.array([1.0, 2.0, 3.0], np.float32)
    after, ends = np.array([2.0, 3.0, 8.0], np.float32), np.array([True, True, False])
    found = advantages(reward, value, after, ends, np.zeros(3, np.int64), 0.5, 1.0)
    np.testing.assert_allclose(found, [1.75 - 1, 1.5 - 2, 1 - 3])


def test_an_update_is_a_step_of_the_clipped_loss():
    torch.manual_seed(0)
    model = ActorValue(Actor(3, 2, 16, 2), PPO(width=16, learning_rate=1e-2, clip_norm=1e9))
    reference, state, latent = copy.deepcopy(model), torch.randn(40, 3), torch.randn(40, 2)
    advantage, wanted = torch.randn(40), torch.randn(40)
    with torch.no_grad():
        old = squash(*model.actor(state), latent)[1] + 0.3 * torch.randn(40)

    def adam(one):
        return torch.optim.Adam(one.parameters(), lr=1e-2)

    metrics = model.update(adam(model), state, latent, old, advantage, wanted)
    optimizer = adam(reference)
    mean, log_std = reference.actor(state)
    log_prob = torch.distributions.Normal(mean, log_std.exp()).log_prob(latent) - torch.log(1 - latent.tanh() ** 2)
    ratio = torch.exp(log_prob.sum(1) - old)
    inside = (ratio > 0.8) & (ratio < 1.2)
    # Beyond the clip the gradient is that of the ratio only where it goes the way that costs.
    used = torch.where(
        inside | ((advantage > 0) == (ratio < 1)), ratio * advantage, (ratio.clamp(0.8, 1.2) * advantage)
    )
    loss = ((reference.value(state)[:, 0] - wanted) ** 2).mean() / 2 - used.mean()
    loss.backward()
    optimizer.step()
    assert 0.1 < metrics["clipped_ratios"].item() < 0.9
    assert metrics["clipped_ratios"].item() == pytest.approx((~inside).float().mean().item())
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-4, atol=2e-5, msg=name)


def test_it_learns(tmp_path):
    result = train(ppo_run(steps=2400), tmp_path / "run")
    assert result["success"] >= 0.95


def test_a_run_that_fails_on_the_way_ends_with_the_same_weights(tmp_path):
    expected = train(ppo_run("ends"), tmp_path / "undisturbed")["weights_sha256"]
    for number, fails_at in enumerate((100, 380)):

        def fail(done, planned, text, fails_at=fails_at):
            if done >= fails_at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(ppo_run("ends"), tmp_path / "failing", resume=number > 0, report=fail)
    assert train(ppo_run("ends"), tmp_path / "failing", resume=True)["weights_sha256"] == expected


def test_options_without_a_meaning_are_refused():
    with pytest.raises(PraxiaError, match=r"--learner\.decay within"):
        replace(ppo_run(), learner=PPO(decay=1.1))
