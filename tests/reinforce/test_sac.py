"""The numbers of an update against the formulas, in float64 and by other means than the code's."""

import copy
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from praxia.policies.specialist import Actor, squash
from praxia.reinforce.config import SAC
from praxia.reinforce.sac import Critics, SACLearner, SoftActorCritic
from praxia.reinforce.transitions import TransitionBatch

OPTIONS = SAC(width=16, batch_size=8, discount=0.9, tau=0.1, temperature=0.5, learning_rate=1e-2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    actor = Actor(3, 2, 16, 2)
    actor.fit_scale(torch.randn(50, 3) * torch.tensor([1.0, 2.0, 0.01]) + 3)
    return SoftActorCritic(actor, 2, OPTIONS)


def batch(size=8):
    rng = np.random.default_rng(1)
    draw = rng.standard_normal
    return TransitionBatch(
        draw((size, 3)).astype(np.float32),
        rng.uniform(-1, 1, (size, 2)).astype(np.float32),
        draw(size).astype(np.float32),
        draw((size, 3)).astype(np.float32),
        np.arange(size) % 3 > 0,
    )


def test_the_density_of_a_squashed_gaussian():
    """Integrates to one over actions, and is scipy's density with the change of variables."""
    mean, log_std = torch.tensor([0.4], dtype=torch.float64), torch.tensor([-0.3], dtype=torch.float64)

    def density(action):
        return squash(mean, log_std, torch.tensor([math.atanh(action)], dtype=torch.float64))[1].exp().item()

    assert integrate.quad(density, -1, 1)[0] == pytest.approx(1, abs=1e-6)
    expected = stats.norm(0.4, math.exp(-0.3)).pdf(math.atanh(0.6)) / (1 - 0.6**2)
    assert density(0.6) == pytest.approx(expected, rel=1e-9)


def test_the_density_is_finite_where_tanh_is_one():
    action, log_prob = squash(torch.tensor([30.0]), torch.tensor([0.0]), torch.tensor([30.0]))
    assert action.item() == 1.0
    assert log_prob.item() == pytest.approx(-0.5 * math.log(2 * math.pi) + 60 - 2 * math.log(2), rel=1e-6)


def test_critics_are_layers_of_torch_side_by_side():
    torch.manual_seed(0)
    critics = Critics(3, 5, 16, 2)
    state, action = torch.randn(7, 3), torch.randn(7, 2)
    found = critics(state, action)
    for number in range(3):
        x = torch.cat([state, action], 1)
        *hidden, last = zip(critics.weights, critics.biases, strict=True)
        for weight, bias in hidden:
            x = x @ weight[number] + bias[number]
            x = (x - x.mean(1, keepdim=True)) / (x.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
            x = x.relu()
        torch.testing.assert_close(found[number], (x @ last[0][number] + last[1][number])[:, 0], rtol=1e-4, atol=1e-5)


def test_targets_bootstrap_unless_the_task_ended(model):
    """Truncated rows go on (`goes_on`); after a terminated step only the reward is left."""
    with torch.no_grad():
        for one in model.target.parameters():
            one.add_(0.1)
    rows, noise = batch(), torch.randn(8, 2)
    next_state = torch.from_numpy(rows.next_state)
    found = model.targets(
        torch.from_numpy(rows.reward), next_state, torch.from_numpy(rows.goes_on).float(), noise, [0, 1]
    )
    with torch.no_grad():
        mean, log_std = (one.double().numpy() for one in model.actor(next_state))
        latent = mean + np.exp(log_std) * noise.double().numpy()
        action = np.tanh(latent)
        values = model.target(model.actor.scaled(next_state), torch.from_numpy(action).float()).double().numpy()
    log_prob = (stats.norm(mean, np.exp(log_std)).logpdf(latent) - np.log1p(-(action**2))).sum(1)
    after = np.minimum(values[0], values[1]) - 0.5 * log_prob
    expected = np.where(rows.goes_on, rows.reward + 0.9 * after, rows.reward)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)


def test_an_update_is_one_step_of_each_loss(model):
    """The same losses written out, differentiated and stepped by torch's own Adam on a copy."""
    reference, rows, noise = copy.deepcopy(model), batch(), torch.randn(2, 8, 2)
    model.update(rows, model.optimizers(), noise, [0, 1])

    def adam(parameters):
        return torch.optim.Adam(parameters, lr=1e-2)

    state, action, reward, next_state, goes_on = map(torch.from_numpy, vars(rows).values())
    wanted = reference.targets(reward, next_state, goes_on.float(), noise[0], [0, 1])
    optimizer = adam(reference.critics.parameters())
    values = reference.critics(reference.actor.scaled(state), action)
    sum(((one - wanted) ** 2).mean() for one in values).backward()
    optimizer.step()

    optimizer = adam(reference.actor.parameters())
    mean, log_std = reference.actor(state)
    drawn = torch.distributions.Normal(mean, log_std.exp())
    latent = mean + log_std.exp() * noise[1]
    own = latent.tanh()
    log_prob = (drawn.log_prob(latent) - torch.log(1 - own**2)).sum(1)
    value = reference.critics(reference.actor.scaled(state), own).min(0).values
    (0.5 * log_prob - value).mean().backward()
    optimizer.step()

    optimizer = adam([reference.log_temperature])
    reference.log_temperature.grad = -(log_prob.detach() - 2).mean()  # for an entropy of -2, minus the action dims
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(reference.target.parameters(), reference.critics.parameters(), strict=True):
            slow.copy_(0.9 * slow + 0.1 * fast)
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-4, atol=2e-5, msg=name)


def test_the_temperature_rises_where_the_policy_is_too_certain(model):
    """And falls where it draws more widely than wanted."""
    for bias, sign in ((-20.0, 1), (0.458, -1)):  # standard deviations of 0.007 and 1, of which tanh is widest
        with torch.no_grad():
            model.actor.out.weight.zero_()
            model.actor.out.bias.copy_(torch.tensor([0.0, 0.0, bias, bias]))
        before = model.log_temperature.item()
        model.update(batch(), model.optimizers(), torch.randn(2, 8, 2), [0, 1])
        assert sign * (model.log_temperature.item() - before) > 0


def test_updates_keep_pace_with_decisions():
    learner = SACLearner(Actor(3, 2, 16, 2), 2, SAC(width=16, batch_size=4, warmup=5, updates=0.5), 0)
    one = batch(1)
    made = []
    for _ in range(10):
        learner.add(0, one, False, {})
        made.append(len(learner.learn()))
    assert made == [0, 0, 0, 0, 0, 1, 0, 1, 0, 1]
    assert learner.updates == 3


def test_states_are_scaled_but_not_what_hardly_varies():
    actor = Actor(3, 1, 8, 1)
    states = torch.tensor([[0.0, 5.0, 1.0], [2.0, 5.0, 1.01]])
    actor.fit_scale(states)
    torch.testing.assert_close(actor.scale, torch.tensor([1.0, 0.25, 0.25]))
    torch.testing.assert_close(actor.scaled(states)[1], torch.tensor([1.0, 0.0, 0.02]), rtol=1e-3, atol=1e-3)
