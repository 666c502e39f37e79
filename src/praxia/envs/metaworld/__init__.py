"""Meta-World v3 (McLean et al. 2025, arXiv 2505.11289; the package metaworld 3.0.0): fifty tasks of a Sawyer arm."""

# First: it turns a failing import of MuJoCo into a clear error.
import praxia.envs.graphics  # noqa: F401
