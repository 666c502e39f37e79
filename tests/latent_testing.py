"""What tests of latent worlds share."""

import torch


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
