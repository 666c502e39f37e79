"""The results of evaluations: one row per episode, the metadata beside them, and the conclusions they allow."""
