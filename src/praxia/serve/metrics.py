"""What Prometheus reads of a server: requests, errors, sessions, batches and times, by policy."""

from collections.abc import Sequence

from praxia.core.errors import optional_import
from praxia.serve.worker import BatchReport

__all__ = ["CONTENT_TYPE", "Metrics"]

with optional_import("a policy server", "serve"):
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

# From a small network on a GPU to a large one on a CPU.
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_SIZES = tuple(float(2**power) for power in range(9))


class Metrics:
    """The counters of one server; two servers in one process count apart.

    `num_replied` requests have been answered by actions.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.num_replied = 0
        policy = ["policy"]

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"praxia_{name}", text, policy, buckets=buckets, registry=self._registry)

        self._inference_s = histogram("inference_seconds", "inference of a batch", _SECONDS)
        self._waited_s = histogram("wait_seconds", "longest wait of a batch's requests", _SECONDS)
        self._total_s = histogram("request_seconds", "from the arrival of a request to its reply", _SECONDS)
        self._batch = histogram("batch_size", "requests of a batch", _SIZES)
        self._of_batches: dict[str, tuple[Histogram, ...]] = {}
        self._errors = Counter("praxia_errors", "requests answered by an error", policy, registry=self._registry)
        self._refused = Counter("praxia_refused", "connections refused, by status", ["status"], registry=self._registry)
        self._sessions = Gauge("praxia_sessions", "open sessions", policy, registry=self._registry)

    def batch(self, policy: str, report: BatchReport) -> None:
        """A batch of `policy` was inferred."""
        if (histograms := self._of_batches.get(policy)) is None:  # found once: this is in every request's way
            histograms = tuple(one.labels(policy) for one in (self._inference_s, self._waited_s, self._batch))
            self._of_batches[policy] = histograms
        for histogram, value in zip(histograms, (report.inference_s, report.waited_s, report.size), strict=True):
            histogram.observe(value)

    def replied(self, policy: str, total_s: float) -> None:
        """A request was answered after `total_s`."""
        self.num_replied += 1
        self._total_s.labels(policy).observe(total_s)

    def failed(self, policy: str) -> None:
        """A request was answered by an error."""
        self._errors.labels(policy).inc()

    def refused(self, status: int) -> None:
        """A connection was refused with an HTTP status."""
        self._refused.labels(str(status)).inc()

    def sessions(self, policy: str, number: int) -> None:
        """So many sessions are open now."""
        self._sessions.labels(policy).set(number)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
