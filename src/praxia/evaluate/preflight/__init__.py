"""Whether checkpoint, benchmark and this machine fit, said in seconds, before an evaluation of hours.

Every check is a function of a `Subject` that gives a `Finding`; `run.CHECKS` lists them by name.
"""
