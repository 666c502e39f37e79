"""What tests of latent worlds share."""

import torch

from praxia.core.types import EnvSpec, Query
from praxia.envs import build, find_family


def optimise(model, batch, steps, learning_rate=3e-3):
    """Minimise the loss on one batch by AdamW; the metrics of each step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    generator, found = torch.Generator().manual_seed(0), []
    model.train()
    for _ in range(steps):
        loss, metrics = model.loss(batch, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append({name: float(value) for name, value in metrics.items()})
    return found


def present_queries(num):
    """The present of `num` episodes of TwoRoom, at 16 px."""
    family, found = find_family("tworoom"), []
    for index in range(num):
        env = build(EnvSpec("tworoom", "any", size=16))
        env.reset(family.draw_start("any", "world", index))
        found.append(Query((env.observe(("top",)),), str(index), 0, index))
    return found
