"""What tests of latent worlds share."""

from dataclasses import replace

import torch

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.types import EnvSpec, Query
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.envs import build, find_family
from praxia.recipes.worlds import lewm_tworoom

SMALL = FilmCNN(text=NoText(), channels=(8, 8, 16, 16), width=32)


def record_walks(root, size=16):
    """Four episodes of 30 random steps in TwoRoom, at `size` px; the folder."""
    plan = CollectionPlan(
        "tworoom", ("any",), 4, horizon=30, size=size, cameras=("top",), noise=(0.0,), policy="random", seed=1
    )
    collect(plan, root, find_family("tworoom"))
    return root


def small_lewm():
    """A run of a small LeWM for these walks, of four steps."""
    run = lewm_tworoom()
    model = replace(run.model, encoder=SMALL, width=16, depth=2, projector_width=32, num_projections=64)
    train = replace(run.train, steps=4, batch_size=8, warmup_steps=1, log_every=1, checkpoint_s=0.0)
    return replace(run, model=model, train=train, only_success=False)


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
    return _queries(num, ("top",))


def goal_queries(num):
    """The same with the image of the goal."""
    return _queries(num, ("top", "goal"))


def _queries(num, cameras):
    family, found = find_family("tworoom"), []
    for index in range(num):
        env = build(EnvSpec("tworoom", "any", size=16))
        env.reset(family.draw_start("any", "world", index))
        found.append(Query((env.observe(cameras),), str(index), 0, index))
    return found
