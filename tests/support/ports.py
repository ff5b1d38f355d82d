"""Ports that stay free until they are used."""

import errno
import random
import socket

# Below what Linux gives to programs that ask for any port (ip_local_port_range), clients included: a port of these is
# taken by nobody between its choice and its use, nor while a server that had it starts again.
FIRST, LAST = 10_000, 32_000


def free_port() -> int:
    """A TCP port of localhost that nobody has. Test runs side by side hardly ever choose the same."""
    while True:
        port = random.randint(FIRST, LAST)  # noqa: S311 - no secret
        if not _is_taken(socket.AF_INET, "127.0.0.1", port) and not _is_taken(socket.AF_INET6, "::1", port):
            return port


def _is_taken(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, port))
    except OSError as error:
        return error.errno in {errno.EADDRINUSE, errno.EACCES}  # other errors: this machine has no such address
    return False
