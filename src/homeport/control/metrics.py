"""Answers about how a Server did over time. Owns the look-up; series are `series`', readings the `Sampler`'s."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ..store.requests import Span
from ..store.samples import Sample, Usage
from . import series
from .requests import TrafficQuery
from .stats import named
from .traffic import HOUR_MS, Traffic
from .usage import Sampler
from .views import Json, iso


class Metrics:
    def __init__(self, traffic: Traffic, sampler: Sampler) -> None:
        self.sampler = sampler
        self._traffic = traffic

    def schema(self, query: TrafficQuery) -> Json:
        """Groups, their series, and the sizes of buckets. Raises NotFoundError."""
        return {"object_id": self._traffic.span(query, HOUR_MS).service_id, **series.schema()}

    async def export(self, query: TrafficQuery, group: str, bucket_size: str | None) -> Json:
        """At most 31 days and 500 points; the last hour by default. Raises NotFoundError, InvalidError, OSError."""
        series.check_group(group)
        span = self._traffic.span(query, HOUR_MS, series.RANGE_DAYS_MAX)
        size = series.bucket_size(span.since_ms, span.until_ms, bucket_size)
        span_ms = series.BUCKETS_MS[size]
        whole = replace(span, since_ms=span.since_ms - span.since_ms % span_ms)
        minutes = await self._traffic.minutes(whole) if group == "requests" else []
        samples = await asyncio.to_thread(self.sampler.store.between, whole.service_id, whole.since_ms, whole.until_ms)
        found = series.buckets(whole.since_ms, whole.until_ms, span_ms, minutes, samples)
        return {
            "object_id": span.service_id,
            "group": group,
            "since": iso(whole.since_ms),
            "until": iso(whole.until_ms),
            "bucket_size": size,
            "series": series.export(group, found),
            "note": series.NOTES.get(group, ""),
        }

    async def server_stats(self, query: TrafficQuery) -> Json:
        """As `Traffic.server_stats`, and what containers used, which is not known of a single one."""
        answer = await self._traffic.server_stats(query)
        span = self._traffic.span(query, HOUR_MS)
        total = Usage()
        if not query.container_id:
            for sample in await asyncio.to_thread(self._between, span):
                total.merge(sample.usage)
        percentiles = answer["container_percentile_stats"]
        assert isinstance(percentiles, dict)
        percentiles["cpu_usage"] = named(total.cpu_percentile)
        percentiles["memory_usage"] = named(total.memory_percentile)
        percentiles["gpu_utilization"] = None
        return answer

    def _between(self, span: Span) -> list[Sample]:
        return self.sampler.store.between(span.service_id, span.since_ms, span.until_ms)
