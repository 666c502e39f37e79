"""What training reads: windows over data sets, mixtures of them, their order, and the loader. No torch."""
