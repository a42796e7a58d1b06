"""Traces that stay here."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anymedia.telemetry.tracing import Tracing


class Traced:
    """A tracer and what it has kept."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.spans = Tracing(provider)

    @property
    def finished(self) -> Sequence[ReadableSpan]:
        """All spans that are over, in the order of their ends."""
        return self._kept.get_finished_spans()

    def forget(self) -> None:
        """Begin anew."""
        self._kept.clear()
