"""The smallest models that are no encoder and head: with an update of its own, of images, of sequences."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from praxia.nn.layers import masked_mean
from praxia.nn.trainable import ModelConfig

TOYS = {
    "toy-actor-critic": "toy_models:ActorCritic",
    "toy-next-frame": "toy_models:NextFrame",
    "toy-recurrent": "toy_models:Recurrent",
}


@dataclass(frozen=True)
class ActorCritic(ModelConfig):
    """A critic of one-step returns beside an actor that imitates what the critic values."""

    tag = "toy-actor-critic"
    discount: float = 0.9

    def build(self, shapes):
        return ActorCriticModel(shapes.state_dim, shapes.action_dim, self.discount)


class ActorCriticModel(nn.Module):
    """Two optimisers, two backward passes, a target that is a moving average of the critic, and a counter."""

    def __init__(self, state_dim, action_dim, discount):
        super().__init__()
        self.discount = discount
        self.actor = nn.Linear(state_dim, action_dim)
        self.critic = nn.Linear(state_dim + action_dim, 1)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def optimizers(self, make):
        return {
            "actor": make(self.actor.parameters(), learning_rate=3e-3),
            "critic": torch.optim.SGD(self.critic.parameters(), lr=0.05, momentum=0.9),
        }

    def update(self, batch, minimise, generator):
        state, action, later = batch.state[:, -1], batch.action[:, 0], batch.target_state[:, 0]
        with torch.no_grad():
            going_on = batch.target_state_valid[:, :1] & ~batch.terminated[:, :1]
            after = self.target(torch.cat([later, self.actor(later)], dim=1))
            wanted = batch.reward[:, :1] + self.discount * going_on * after
        critic_loss = functional.mse_loss(self.critic(torch.cat([state, action], dim=1)), wanted)
        minimise("critic", critic_loss)
        noisy = self.actor(state) + 0.1 * batch.share.normal(action.shape, generator)
        actor_loss = functional.mse_loss(noisy, action) - self.critic(torch.cat([state, noisy], dim=1)).mean()
        minimise("actor", actor_loss)
        with torch.no_grad():
            for slow, fast in zip(self.target.parameters(), self.critic.parameters(), strict=True):
                slow.lerp_(fast, 0.1)
            self.updates += 1
        return critic_loss, {"actor": actor_loss.detach()}


@dataclass(frozen=True)
class NextFrame(ModelConfig):
    """The next image of the first camera from the present one."""

    tag = "toy-next-frame"
    width: int = 16

    def build(self, shapes):
        return NextFrameModel(shapes.cameras[0], self.width)


class NextFrameModel(nn.Module):
    def __init__(self, camera, width):
        super().__init__()
        self.camera = camera
        self.net = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, images):
        """uint8 [B, 3, Y, X] -> the next, in [0, 1]."""
        return self.net(images / 255)

    def loss(self, batch, generator):
        later = batch.target_images[self.camera][:, 0] / 255
        errors = (self(batch.images[self.camera][:, -1]) - later).square().mean((1, 2, 3))
        return masked_mean(errors, batch.target_image_valid[self.camera][:, 0], batch.share), {}

    def num_valid(self, batch):
        return batch.target_image_valid[self.camera].sum()


@dataclass(frozen=True)
class Recurrent(ModelConfig):
    """The reward of each step of a sequence, from what was seen and done in its episode until then."""

    tag = "toy-recurrent"
    width: int = 16

    def build(self, shapes):
        return RecurrentModel(shapes.state_dim, shapes.action_dim, self.width)


class RecurrentModel(nn.Module):
    def __init__(self, state_dim, action_dim, width):
        super().__init__()
        self.cell = nn.GRUCell(state_dim + 2 * action_dim, width)
        self.out = nn.Linear(width, 1)

    def forward(self, batch):
        """Rewards [B, L]. The state of the cell is zero where an episode begins, and there is no action before it."""
        past = torch.where(batch.past_action_valid[..., None], batch.past_action, 0.0)
        inputs = torch.cat([batch.state, past, batch.action], dim=2)
        hidden = inputs.new_zeros(len(inputs), self.cell.hidden_size)
        found = []
        for step in range(inputs.shape[1]):
            hidden = self.cell(inputs[:, step], torch.where(batch.is_first[:, step, None], 0.0, hidden))
            found.append(self.out(hidden)[:, 0])
        return torch.stack(found, dim=1)

    def loss(self, batch, generator):
        return masked_mean((self(batch) - batch.reward).square(), batch.action_valid, batch.share), {}

    def num_valid(self, batch):
        return batch.action_valid.sum()
