"""What people can ask about what Servers and the platform did, in one value."""

from __future__ import annotations

from dataclasses import dataclass

from .metrics import Metrics
from .prometheus import Prometheus
from .traffic import Traffic


@dataclass(frozen=True, slots=True)
class Seen:
    traffic: Traffic
    metrics: Metrics
    prometheus: Prometheus
