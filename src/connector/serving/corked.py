"""One answer leaves in one piece: its head waits for the body."""

import asyncio

# What is sent before any answer (RFC 9110 15.2.1).
_CONTINUE = b"HTTP/1.1 100 "
_CLOSE = b"connection: close\r\n"


class CorkedAnswer:
    """The transport for one answer: the head is held back until the body comes, and both leave as one.

    uvicorn writes them apart, which over TLS is two records and two calls of the system. With ``is_last`` when the head
    comes, it says that the connection ends with the answer, though uvicorn would keep it.
    """

    def __init__(self, transport: asyncio.Transport, *, is_last: bool) -> None:
        self.is_last = is_last
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Send it, unless it is the head."""
        if self._head is not None:
            data, self._head = self._head + data, b""
        elif not data.startswith(_CONTINUE):
            is_said = not self.is_last or _CLOSE in data
            self._head = data if is_said else data[:-2] + _CLOSE + data[-2:]
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send the head, to which nothing came."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close the connection after what was written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._transport.is_closing()
