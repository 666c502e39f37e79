"""Meta-World v3 (McLean et al. 2025; metaworld 3.0.0, MuJoCo 3.8.1): fifty tasks of one Sawyer arm."""
