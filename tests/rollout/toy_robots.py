"""A robot at 20 Hz, and a clock that a test turns."""

from dataclasses import replace

from toy_world import ToyRobot

PERIOD_S = 1 / 20


class ManualClock:
    """Time passes where the test says so, and while somebody waits."""

    def __init__(self):
        self.time_s = 100.0

    def now_s(self):
        return self.time_s

    def wait_until(self, time_s):
        self.time_s = max(self.time_s, time_s)

    def spend(self, seconds):
        self.time_s += seconds


class Robot20(ToyRobot):
    """A robot at 20 Hz that notes when it is commanded and takes `slow[step]` seconds to carry a command out."""

    embodiment = replace(ToyRobot.embodiment, control_hz=20.0)

    def __init__(self, spec, clock, slow=None, spend=None):
        super().__init__(spec)
        self.clock, self.slow, self.times_s = clock, slow or {}, []
        self.spend = spend or clock.spend

    def command(self, action):
        self.times_s.append(self.clock.now_s())
        self.spend(self.slow.get(len(self.times_s), 0.0))
        return super().command(action)
