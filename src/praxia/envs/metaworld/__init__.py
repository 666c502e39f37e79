"""Meta-World v3 (McLean et al. 2025, arXiv 2505.11289; the package metaworld 3.0.0): fifty tasks of one Sawyer arm."""

# First, because it is what turns MuJoCo's refusal to be imported into a clear error.
import praxia.envs.graphics  # noqa: F401
