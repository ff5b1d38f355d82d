"""A TCP proxy before PostgreSQL that reads along, and does harm at a commit.

It runs in a thread of its own: a server that starts needs it while the torture waits for that server.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from threading import Event, Thread

# As the wire has it: a statement's text, whole; or, after some times, the name under which it was prepared (in a Parse
# message), which is then bound. Its answer is a CommandComplete.
COMMIT = re.compile(rb"(?<=[\0-\x1f])COMMIT\0", re.DOTALL)
PREPARED = re.compile(rb"P.{4}([^\0]+)\0COMMIT\0", re.DOTALL)
COMMITTED = b"C\0\0\0\x0bCOMMIT\0"
OCTETS = 65536


class Harm(Enum):
    """What happens to a connection on which a commit goes by."""

    BEFORE = "cut before COMMIT reaches the database"
    AFTER = "cut after COMMIT, its answer dropped"


class Proxy:
    """Passes everything on, until it is armed."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.harmed = 0
        self._target = target
        self._harm: Harm | None = None
        self._left = 0
        self._also: Callable[[], None] = lambda: None
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._listening = Event()
        self._thread = Thread(target=self._run, name="torture-proxy")

    def arm(self, harm: Harm, *, at: int = 1, also: Callable[[], None] = lambda: None) -> None:
        """Do this to the commit of that number from now, once; ``also`` is called at that moment, in this thread."""
        self._also = also
        self._left = at
        self._harm = harm

    def disarm(self) -> None:
        """Pass everything on."""
        self._harm = None

    @property
    def armed(self) -> bool:
        """Whether the harm is still to be done."""
        return self._harm is not None

    def cut(self) -> None:
        """End every connection now."""
        self._loop.call_soon_threadsafe(self._abort)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._listening.wait(10)

    def stop(self) -> None:
        """Listen no more, and end every connection."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._end.wait()
        server.close()
        self._abort()

    def _abort(self) -> None:
        for writer in self._connections:
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onwards = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._connections |= {writer, onwards[1]}
        try:
            await asyncio.gather(self._requests(reader, onwards[1]), self._answers(onwards[0], writer))
        finally:
            for one in (writer, onwards[1]):
                one.transport.abort()
                self._connections.discard(one)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        prepared: bytes | None = None
        with suppress(OSError):
            while octets := await reader.read(OCTETS):
                commits = COMMIT.search(octets) or (prepared is not None and prepared in octets)
                if commits and self._due(Harm.BEFORE):
                    break
                if found := PREPARED.search(octets):
                    prepared = b"\0%b\0" % found[1]
                writer.write(octets)
                await writer.drain()
        writer.transport.abort()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while octets := await reader.read(OCTETS):
                if COMMITTED in octets and self._due(Harm.AFTER):
                    break
                writer.write(octets)
                await writer.drain()
        writer.transport.abort()

    def _due(self, harm: Harm) -> bool:
        """Whether this is to happen to the connection on which a commit, or its answer, goes by; once."""
        if self._harm is not harm:
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._harm = None
        self.harmed += 1
        self._also()
        return True


@contextmanager
def proxied(target: int) -> Iterator[Proxy]:
    """A proxy before that port, running."""
    proxy = Proxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
