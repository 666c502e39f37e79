"""What is done to data sets: check, edit, exchange, record in real time, survey. No torch."""
