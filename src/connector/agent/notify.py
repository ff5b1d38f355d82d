"""Messages for systemd (sd_notify): that we are ready, that we are alive, what we are doing."""

import os
import socket
from contextlib import suppress


def notify(message: str) -> None:
    """Tell it, where there is a systemd that listens; else nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.sendto(message.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear that we are alive: at half of its limit."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    return int(limit) / 2_000_000 if limit.isdecimal() and int(limit) else None
