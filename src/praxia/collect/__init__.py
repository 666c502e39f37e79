"""Recording demonstrations: scripted experts in worker processes, every episode kept, one data set."""
