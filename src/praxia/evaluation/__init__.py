"""Evaluation of policies: named benchmarks, control conditions, and the runner that writes result rows.

Other packages add benchmarks with entry points in the group `praxia.benchmarks`, each a `Benchmark`.
"""

BENCHMARKS = {
    "bimodal": "praxia.evaluation.bimodal:PASS",
    "metaworld-demo/fast": "praxia.evaluation.metaworld:DEMO",
    "metaworld-mt10/evo1": "praxia.evaluation.metaworld:EVO1_MT10",
    "metaworld-mt10/fast": "praxia.evaluation.metaworld:MT10",
    "metaworld-mt10/lerobot": "praxia.evaluation.metaworld:LEROBOT_MT10",
    "metaworld-mt10/starvla": "praxia.evaluation.metaworld:STARVLA_MT10",
    "metaworld-mt50/evo1": "praxia.evaluation.metaworld:EVO1_MT50",
    "metaworld-mt50/fast": "praxia.evaluation.metaworld:MT50",
    "metaworld-mt50/lerobot": "praxia.evaluation.metaworld:LEROBOT_MT50",
    "metaworld-mt50/starvla": "praxia.evaluation.metaworld:STARVLA_MT50",
    "pusht": "praxia.evaluation.pusht:PUSHT",
    "pusht/as-shown": "praxia.evaluation.pusht:AS_SHOWN",
    "tabletop/embodiment": "praxia.evaluation.tabletop:EMBODIMENT",
    "tabletop/heads": "praxia.evaluation.tabletop:HEADS",
    "tabletop/long": "praxia.evaluation.tabletop:LONG",
    "tabletop/moving": "praxia.evaluation.tabletop:MOVING",
    "tabletop/scene": "praxia.evaluation.tabletop:SCENE",
    "tabletop/still": "praxia.evaluation.tabletop:STILL",
    "tabletop/task": "praxia.evaluation.tabletop:TASK",
    "tabletop/train": "praxia.evaluation.tabletop:TRAIN",
    "tworoom": "praxia.evaluation.tworoom:TWOROOM",
}
