"""Bytes that went through the network namespace of a process, from the kernel's own counters. Pure but for one file."""

from __future__ import annotations


def traffic(pid: int) -> dict[str, int]:
    """received_bytes and sent_bytes as its processes see it, without its loopback; 0 when it went away meanwhile."""
    try:
        with open(f"/proc/{pid}/net/dev", encoding="ascii", errors="replace") as file:
            text = file.read()
    except OSError:
        text = ""
    return parse(text)


def parse(text: str) -> dict[str, int]:
    """Of /proc/net/dev: two lines of headings, then `name: 8 numbers of reception, 8 of transmission`."""
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        fields = numbers.split()
        if name.strip() != "lo" and len(fields) >= 16:
            received += int(fields[0])
            sent += int(fields[8])
    return {"received_bytes": received, "sent_bytes": sent}
