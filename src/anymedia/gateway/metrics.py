"""What is counted, for Prometheus and for `/health`: over all workers of this gateway.

Counters of several workers lie in files of one directory (`PROMETHEUS_MULTIPROC_DIR`, set before a
worker starts), and whoever is asked adds them up.
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.media import Medium
from anymedia.contracts.resilience import ProviderHealth
from anymedia.contracts.result import Result
from anymedia.engine.relay import Passed

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
CIRCUITS = ("closed", "half_open", "open")

Families: TypeAlias = dict[str, list[tuple[dict[str, str], float]]]


class Metrics:
    """The counters of this process, and how they are told."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        many = DIRECTORY in os.environ
        self._telling = CollectorRegistry() if many else self.registry
        if many:
            MultiProcessCollector(self._telling)  # type: ignore[no-untyped-call]  # it has no annotations
        self._requests = Counter(
            "anymedia_http_requests",
            "Requests that were answered",
            ("route", "method", "status", "kind"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "anymedia_http_request_seconds",
            "From a request to the end of its answer",
            ("route", "kind"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._under_way = Gauge(
            "anymedia_http_requests_under_way",
            "Requests that are being answered",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self._generations = Counter(
            "anymedia_generations",
            "Requests answered by a provider, or failed",
            ("medium", "provider", "model", "outcome"),
            registry=self.registry,
        )
        self._generation_seconds = Histogram(
            "anymedia_generation_seconds",
            "From asking to the whole answer",
            ("medium", "provider"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._tokens = Counter(
            "anymedia_tokens",
            "Tokens, as providers count them",
            ("provider", "direction"),
            registry=self.registry,
        )
        self._usd = Counter(
            "anymedia_cost_usd",
            "US dollars of what was answered at once; jobs are in the ledger",
            ("provider", "medium"),
            registry=self.registry,
        )
        self._children: dict[tuple[str, ...], Any] = {}

    # --- counting -------------------------------------------------------------------------

    def began(self) -> None:
        """A request has come."""
        self._under_way.inc()

    def ended(self, route: str, method: str, status: int, seconds: float, *, kind: str) -> None:
        """Its answer is complete."""
        self._under_way.dec()
        key = (route, method, str(status), kind)
        counter, histogram = self._children.get(key) or self._labelled(key)
        counter.inc()
        histogram.observe(seconds)

    def _labelled(self, key: tuple[str, ...]) -> tuple[Any, Any]:
        route, _, _, kind = key
        pair = self._requests.labels(*key), self._seconds.labels(route, kind)
        self._children[key] = pair
        return pair

    def answered(self, medium: Medium, result: Result | Passed, seconds: float) -> None:
        """A provider has answered."""
        key = (medium, result.provider, result.model)
        count, duration, *tokens, usd = self._children.get(key) or self._told_apart(key)
        count.inc()
        duration.observe(seconds)
        usage = result.usage
        for counter, amount in zip(tokens, (usage.input_tokens, usage.output_tokens), strict=True):
            if amount:
                counter.inc(amount)
        if result.cost.amount:
            usd.inc(max(0.0, float(result.cost.amount)))

    def _told_apart(self, key: tuple[str, ...]) -> tuple[Any, ...]:
        medium, provider, model = key
        found = self._children[key] = (
            self._generations.labels(medium, provider, model, "succeeded"),
            self._generation_seconds.labels(medium, provider),
            self._tokens.labels(provider, "input"),
            self._tokens.labels(provider, "output"),
            self._usd.labels(provider, medium),
        )
        return found

    def failed(self, medium: Medium, error: GenerationError) -> None:
        """Nobody has."""
        self._generations.labels(medium, error.provider or "", "", error.code.lower()).inc()

    # --- telling --------------------------------------------------------------------------

    def text(self, health: tuple[ProviderHealth, ...], jobs: dict[tuple[str, str], int]) -> bytes:
        """All of it in Prometheus' words, with how providers and jobs stand at this moment."""
        momentary = CollectorRegistry()
        score = Gauge(
            "anymedia_provider_health_score", "From 0 to 1", ("provider",), registry=momentary
        )
        circuit = Gauge(
            "anymedia_provider_circuit",
            "1 for the state that its circuit is in",
            ("provider", "state"),
            registry=momentary,
        )
        for one in health:
            score.labels(one.name).set(one.health_score)
            for state in CIRCUITS:
                circuit.labels(one.name, state).set(one.circuit_state == state)
        standing = Gauge("anymedia_jobs", "Jobs kept", ("medium", "status"), registry=momentary)
        for (medium, status), count in jobs.items():
            standing.labels(medium, status).set(count)
        return generate_latest(self._telling) + generate_latest(momentary)

    def families(self) -> Families:
        """Every sample by its name."""
        found: Families = {}
        for family in self._telling.collect():
            for sample in family.samples:
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
        return found

    def summary(self) -> dict[str, Any]:
        """The three numbers of `/health`: requests for media, how many went well, milliseconds."""
        families = self.families()
        asked = generations(families, "anymedia_http_requests_total")
        total = sum(count for _, count in asked)
        failed = sum(count for labels, count in asked if int(labels["status"]) >= 500)
        seconds = sum(
            value for _, value in generations(families, "anymedia_http_request_seconds_sum")
        )
        return {
            "total_requests": int(total),
            "success_rate": round((total - failed) / total, 4) if total else 1.0,
            "avg_response_time": round(1000 * seconds / total, 1) if total else 0.0,
        }


def generations(families: Families, name: str) -> list[tuple[dict[str, str], float]]:
    """Samples about requests for media."""
    return [one for one in families.get(name, ()) if one[0]["kind"] == "generation"]
