"""Evaluation of policies: named benchmarks, control conditions, and the runner that writes result rows.

Other packages add benchmarks with entry points in the group `praxia.evaluate`, each a `Benchmark`.
"""

BENCHMARKS = {
    "bimodal": "praxia.evaluate.bimodal:PASS",
    "metaworld-demo/fast": "praxia.evaluate.metaworld:DEMO",
    "metaworld-mt10/evo1": "praxia.evaluate.metaworld:EVO1_MT10",
    "metaworld-mt10/fast": "praxia.evaluate.metaworld:MT10",
    "metaworld-mt10/lerobot": "praxia.evaluate.metaworld:LEROBOT_MT10",
    "metaworld-mt10/starvla": "praxia.evaluate.metaworld:STARVLA_MT10",
    "metaworld-mt50/evo1": "praxia.evaluate.metaworld:EVO1_MT50",
    "metaworld-mt50/fast": "praxia.evaluate.metaworld:MT50",
    "metaworld-mt50/lerobot": "praxia.evaluate.metaworld:LEROBOT_MT50",
    "metaworld-mt50/starvla": "praxia.evaluate.metaworld:STARVLA_MT50",
    "pusht": "praxia.evaluate.pusht:PUSHT",
    "tabletop/embodiment": "praxia.evaluate.tabletop:EMBODIMENT",
    "tabletop/heads": "praxia.evaluate.tabletop:HEADS",
    "tabletop/long": "praxia.evaluate.tabletop:LONG",
    "tabletop/scene": "praxia.evaluate.tabletop:SCENE",
    "tabletop/task": "praxia.evaluate.tabletop:TASK",
    "tabletop/train": "praxia.evaluate.tabletop:TRAIN",
}
