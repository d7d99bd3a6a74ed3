"""A TCP proxy that breaks connections as networks do: cut before the answer, silence without a reset, slowness."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

CHUNK = 65_536
# The server does not know the script yet: it ran nothing, so cutting here would prove nothing.
NOT_RUN = b"-NOSCRIPT"


@dataclass
class _Cut:
    """Connections whose request holds `word` lose the answer, if it has `least` bytes."""

    word: bytes
    left: int
    least: int


@dataclass(eq=False)
class _Link:
    """One client's connection through us. `marked`: the answer that comes next is to be lost."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    marked: bool = False

    def reset(self) -> None:
        for one in (self.client, self.server):
            one.transport.abort()


class Proxy:
    """Listens on a port of its own and forwards to `upstream`, both on 127.0.0.1. Runs in a thread of its own."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.port = 0
        self.made = 0  # cuts so far
        self._delay = 0.0
        self._cut = _Cut(b"", 0, 0)
        self._links = set[_Link]()
        self._tasks = set[asyncio.Task[None]]()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._ready = threading.Event()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()], name="proxy")

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._tell(self._end.set)
        self._thread.join(10)
        self._loop.close()

    def cut(self, word: bytes, times: int, *, least: int = 0) -> None:
        """The next `times` requests that hold `word` are carried out, and their answers lost with the connection."""
        self._cut = _Cut(word, times, least)

    @property
    def armed(self) -> int:
        """Cuts still to come."""
        return self._cut.left

    def hold(self) -> None:
        """A black hole: connections stay, new ones are taken, and not a byte passes. Nothing is lost, only late."""
        self._tell(self._open.clear)

    def heal(self) -> None:
        """Let everything pass again, what was held included."""
        self._delay = 0.0
        self._cut = _Cut(b"", 0, 0)
        self._tell(self._open.set)

    def slow(self, seconds: float) -> None:
        """Every chunk of either direction comes this much later."""
        self._delay = seconds

    def drop(self) -> None:
        """Reset all connections there are."""
        self._tell(lambda: [link.reset() for link in tuple(self._links)])

    def _tell(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

    async def _run(self) -> None:
        self._open.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for link in tuple(self._links):
            link.reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server)
        self._links.add(link)
        ways = [self._requests(reader, link), self._answers(answers, link)]
        pumps = [self._loop.create_task(way) for way in ways]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            link.reset()
            self._links.discard(link)

    async def _requests(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while chunk := await self._next(reader):
            if self._cut.left and self._cut.word in chunk:
                link.marked = True
            await _forward(link.server, chunk)

    async def _answers(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while chunk := await self._next(reader):
            if link.marked and self._cut.left and len(chunk) >= self._cut.least and not chunk.startswith(NOT_RUN):
                self._cut.left -= 1
                self.made += 1
                return
            link.marked = False
            await _forward(link.client, chunk)

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        """What comes next, empty at the end; late where the proxy is slow, later still while it holds everything."""
        with contextlib.suppress(OSError):
            chunk = await reader.read(CHUNK)
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._open.wait()
            return chunk
        return b""


async def _forward(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    with contextlib.suppress(OSError):
        writer.write(chunk)
        await writer.drain()
