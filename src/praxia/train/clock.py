"""Wall time of a run."""

import time

__all__ = ["Clock"]


class Clock:
    """Wall time of a run: speed since the last reading, and of all of it."""

    def __init__(self, step: int):
        now = time.perf_counter()
        self.first_step, self.began = step, now
        self.last_step, self.last_read = step, now

    def read(self, step: int, batch_size: int) -> dict[str, float]:
        now = time.perf_counter()
        speed = (step - self.last_step) * batch_size / max(now - self.last_read, 1e-9)
        self.last_step, self.last_read = step, now
        return {"samples_per_s": speed, "wall_s": now - self.began}

    def mean_speed(self, step: int, batch_size: int) -> float:
        return (step - self.first_step) * batch_size / max(time.perf_counter() - self.began, 1e-9)
