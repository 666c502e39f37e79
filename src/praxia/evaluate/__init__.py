"""Judging a policy: named benchmarks, controls, and the runner that leaves result rows behind.

An outside package adds benchmarks with entry points in the group `praxia.evaluate`, each a `Benchmark`.
"""

BENCHMARKS = {
    "bimodal": "praxia.evaluate.bimodal:PASS",
    "metaworld-demo/fast": "praxia.evaluate.metaworld:DEMO",
    "metaworld-mt10/evo1": "praxia.evaluate.metaworld_evo1:MT10",
    "metaworld-mt10/fast": "praxia.evaluate.metaworld:MT10",
    "metaworld-mt10/lerobot": "praxia.evaluate.metaworld_lerobot:MT10",
    "metaworld-mt10/starvla": "praxia.evaluate.metaworld_starvla:MT10",
    "metaworld-mt50/evo1": "praxia.evaluate.metaworld_evo1:MT50",
    "metaworld-mt50/fast": "praxia.evaluate.metaworld:MT50",
    "metaworld-mt50/lerobot": "praxia.evaluate.metaworld_lerobot:MT50",
    "metaworld-mt50/starvla": "praxia.evaluate.metaworld_starvla:MT50",
    "pusht": "praxia.evaluate.pusht:PUSHT",
    "tabletop/embodiment": "praxia.evaluate.tabletop:EMBODIMENT",
    "tabletop/heads": "praxia.evaluate.tabletop:HEADS",
    "tabletop/long": "praxia.evaluate.tabletop:LONG",
    "tabletop/scene": "praxia.evaluate.tabletop:SCENE",
    "tabletop/task": "praxia.evaluate.tabletop:TASK",
    "tabletop/train": "praxia.evaluate.tabletop:TRAIN",
}
