"""Judging a policy: named benchmarks, controls, and the runner that leaves result rows behind.

An outside package adds benchmarks with entry points in the group `praxia.evaluate`, each a `Benchmark`.
"""

BENCHMARKS = {
    "bimodal": "praxia.evaluate.bimodal:PASS",
    "metaworld-demo/fast": "praxia.evaluate.metaworld:DEMO",
    "metaworld-mt10/fast": "praxia.evaluate.metaworld:MT10",
    "metaworld-mt50/fast": "praxia.evaluate.metaworld:MT50",
    "pusht": "praxia.evaluate.pusht:PUSHT",
    "tabletop/body": "praxia.evaluate.tabletop:BODY",
    "tabletop/heads": "praxia.evaluate.tabletop:HEADS",
    "tabletop/long": "praxia.evaluate.tabletop:LONG",
    "tabletop/scene": "praxia.evaluate.tabletop:SCENE",
    "tabletop/task": "praxia.evaluate.tabletop:TASK",
    "tabletop/train": "praxia.evaluate.tabletop:TRAIN",
}
