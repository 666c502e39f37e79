"""The plugin that LeRobot loads: `--policy.discover_packages_path=praxia.integrations.lerobot` registers "praxia"."""

from praxia.integrations.lerobot.policy import PraxiaConfig, PraxiaPolicy, make_praxia_pre_post_processors

__all__ = ["PraxiaConfig", "PraxiaPolicy", "make_praxia_pre_post_processors"]
