"""Bytes of a network namespace, from the kernel's text."""

from __future__ import annotations

import os

from homeport.spawner.traffic import parse, traffic

TEXT = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  500       5    0    0    0     0          0         0      500       5    0    0    0     0       0          0
  eth0: 1200      10    0    0    0     0          0         0      340       4    0    0    0     0       0          0
  eth1:    3       1    0    0    0     0          0         0        4       1    0    0    0     0       0          0
"""


def test_all_but_the_loopback_is_counted_in_both_directions() -> None:
    assert parse(TEXT) == {"received_bytes": 1203, "sent_bytes": 344}


def test_a_process_that_is_gone_has_none() -> None:
    assert traffic(2**22 + 1) == {"received_bytes": 0, "sent_bytes": 0}
    assert traffic(os.getpid()).keys() == {"received_bytes", "sent_bytes"}
