"""Training: batches, the loop on Lightning Fabric, states to resume from. Needs torch."""
