"""What Prometheus reads, and a line of JSON for each request: counts and times by address, nobody's name or file."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from grader.gradebook import queue
from grader.gradebook.opening import transaction

Note = Callable[[str, Mapping[str, object]], None]
"""Called with the name of an event and its facts."""
_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


class Metrics:
    """The measures of one site. Threads may share it."""

    def __init__(self, reading: Engine, pages: Callable[[], int], note: Note) -> None:
        """`reading` is asked about the queue, `pages` for the number of pages that wait; `note` gets each request."""
        self._note = note
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_State(reading, pages))
        self._requests = Histogram(
            "grader_request_seconds",
            "Time until the answer began.",
            ("method", "address", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def observe(self, method: str, address: str, status: int, seconds: float) -> None:
        """Count a request. `address` is the pattern, without anybody's id."""
        self._requests.labels(method, address, str(status)).observe(seconds)
        facts = {"method": method, "address": address, "status": status}
        self._note("request", {**facts, "ms": round(1000 * seconds, 1)})

    def text(self) -> bytes:
        """Return all measures in Prometheus's text format."""
        return generate_latest(self._registry)


class _State(Collector):
    def __init__(self, reading: Engine, pages: Callable[[], int]) -> None:
        self._reading, self._pages = reading, pages

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with transaction(self._reading) as connection:
            state = queue.state(connection)
        jobs = GaugeMetricFamily("grader_jobs", "Gradings in the queue.", labels=["state"])
        jobs.add_metric(["waiting"], state.waiting)
        jobs.add_metric(["running"], state.running)
        yield jobs
        for name, help_, value in (
            ("oldest_job_seconds", "How long the job that waits longest has waited.", state.oldest),
            ("ungraded_hand_ins", "Hand-ins that the grader failed to grade.", state.ungraded),
            ("graded_total", "Gradings in the gradebook.", state.graded),
            ("waiting_pages", "Pages that wait for a result.", self._pages()),
        ):
            yield GaugeMetricFamily(f"grader_{name}", help_, value=value)
