"""Who listens to which job: one tailer reads new events once and hands them to every listener."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from clipmill.errors import BusyError, ClipmillError, UnknownError
from clipmill.jobs.records import ENDED
from clipmill.jobs.store import Store
from clipmill.web.messages import FINAL, Ending, Links, Message, message_of

POLL_S = 0.1
"""How often the store is asked for news while somebody listens: a third of the 300 ms that news may take."""

OUTAGE_S = 1.0
"""How long to leave a database alone that does not answer."""

LISTENERS = 1000
"""Most streams and long polls at once in one process; each holds a socket."""

BUFFER = 256
"""Events kept for a listener that is busy writing; one that falls behind further reads the log again."""

PAGE = 200
"""Events read at once: some tens of kilobytes."""

WRITE_S = 10.0
"""A client that takes nothing for so long, with the buffers of both sides full, is cut off."""

REPLAYS = 4
"""Threads that read the log for those who come or fell behind; the tailer has its own."""

LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Connection(Protocol):
    """What the server knows about one open connection."""

    client: tuple[str, int] | None
    transport: asyncio.Transport


class _Topic:
    """One job that somebody listens to. ``head`` is the number of the newest event handed out."""

    def __init__(self, head: int) -> None:
        self.head = head
        self.listeners: set[Listener] = set()
        self.ending: Ending | None = None

    def hand_out(self, messages: Sequence[Message], head: int) -> None:
        self.head = head
        for listener in self.listeners:
            listener.put(messages)

    def skip(self, head: int) -> None:
        self.head = head
        for listener in self.listeners:
            listener.fall_behind()

    def end(self, ending: Ending) -> None:
        self.ending = ending
        for listener in self.listeners:
            listener.put(())


class Listener:
    """One who wants the events of a job after a number; used as a context, read by ``batches`` once.

    ``finished`` says that the job had ended and that there was nothing after that number.
    """

    def __init__(self, watch: "Watch", job: str, after: int, *, finished: bool = False) -> None:
        self.finished = finished
        self._watch = watch
        self._job = job
        self._last = after
        self._over = False
        self._behind = True
        self._buffer: deque[Message] = deque()
        self._news = asyncio.Event()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> None:
        self._watch.leave(self._job, self)

    @property
    def ending(self) -> Ending | None:
        """Why there is nothing more to come; None while there may be."""
        return self._watch.ending_of(self._job) or (Ending.FINAL if self._over else None)

    def put(self, messages: Sequence[Message]) -> None:
        """Take what is new, as long as there is room for it."""
        if not self._behind:
            self._buffer.extend(messages)
            if len(self._buffer) > BUFFER:
                self.fall_behind()
        self._news.set()

    def fall_behind(self) -> None:
        """Go back to the log."""
        self._buffer.clear()
        self._behind = True
        self._news.set()

    async def news(self, timeout_s: float) -> bool:
        """Wait for anything to happen: False when nothing did for so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    async def batches(self, ping_s: float) -> AsyncGenerator[Sequence[Message]]:
        """All events from the log, then those that happen, in order and each once.

        An empty batch says that nothing happened for ``ping_s`` seconds. Ends when the job has ended and all
        was told, when it is removed, and when the server stops: ``ending`` says which.
        """
        while self.ending is None:
            if self._behind:
                async for batch in self._catch_up():
                    yield batch
            elif batch := self._take():
                yield batch
            elif not await self.news(ping_s):
                yield ()

    def _take(self) -> list[Message]:
        """What came since; a final event sends us to the log, to see whether it was the last word."""
        batch = [message for message in self._buffer if message.number > self._last]
        self._buffer.clear()
        if batch:
            self._last = batch[-1].number
            self._behind = any(message.kind in FINAL for message in batch)
        return batch

    async def _catch_up(self) -> AsyncGenerator[Sequence[Message]]:
        """Read the log up to its present end; what happens meanwhile gathers in the buffer."""
        self._buffer.clear()
        self._behind = False
        try:
            job = await self._watch.ask(lambda store: store.job(self._job))
            self._last = min(self._last, job.last_event)
            while self._last < job.last_event:
                page = await self._watch.page(self._job, self._last)
                self._last = page[-1].number if page else job.last_event
                if page:
                    yield page
        except UnknownError:
            self._watch.removed(self._job)
        except ClipmillError:  # the database is away: what is missing is asked for again
            self._behind = True
            await self.news(OUTAGE_S)
            yield ()
        else:
            self._behind |= self._last > job.last_event  # read past what was known: it may have ended there
            self._over = job.state in ENDED and not self._behind


class Watch:
    """All listeners of one API process and the tailer that serves them; lives on one event loop.

    ``links`` names the addresses of a clip. ``connections`` are the server's open connections, so that one
    whose client does not read for ``write_s`` seconds can be cut.
    """

    def __init__(
        self,
        store: Store,
        *,
        links: Links = lambda _: {},
        bound: int = LISTENERS,
        write_s: float = WRITE_S,
    ) -> None:
        self.connections: Collection[Connection] = ()
        self.write_s = write_s
        self._links = links
        self._store = store
        self._bound = bound
        self._count = 0
        self._stopped = False
        self._topics: dict[str, _Topic] = {}
        self._tailer: asyncio.Task[None] | None = None
        self._tail_thread = ThreadPoolExecutor(1, thread_name_prefix="tailer")
        self._replay_threads = ThreadPoolExecutor(REPLAYS, thread_name_prefix="replay")

    @property
    def listeners(self) -> int:
        """How many listen now, long polls among them."""
        return self._count

    async def listen(self, job_id: str, after: int) -> Listener:
        """A listener to a job from the event after number ``after`` on.

        Raises UnknownError when there is no such job, BusyError when too many listen.
        """
        job = await self.ask(lambda store: store.job(job_id))
        finished = job.state in ENDED and after >= job.last_event
        return self._enter(Listener(self, job_id, after, finished=finished), job_id, job.last_event)

    async def changed(self, job_id: str, after: int, timeout: float) -> bool:
        """Whether a job has an event after number ``after``, waiting up to ``timeout`` seconds for one.

        Raises UnknownError when there is no such job, BusyError when too many listen.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        heads = await self.ask(lambda store: store.heads((job_id,)))
        if job_id not in heads:
            raise UnknownError(f"There is no job {job_id}.", code="job-unknown")
        if heads[job_id] > after:
            return True
        with self._enter(Listener(self, job_id, after), job_id, heads[job_id]) as listener:
            topic = self._topics[job_id]
            while topic.head <= after and listener.ending is None and (left := deadline - clock()) > 0:
                await listener.news(left)
            return topic.head > after or topic.ending is Ending.GONE

    async def ask(self, question: Callable[[Store], Answer]) -> Answer:
        """The store's answer, found on a thread of its own."""
        if self._stopped:
            raise BusyError("The server is ending: try again in a moment.", code="stopping", retry_after=5)
        return await asyncio.get_running_loop().run_in_executor(self._replay_threads, question, self._store)

    async def page(self, job_id: str, after: int) -> list[Message]:
        """Some of a job's events after a number, from the log."""
        return await self.ask(lambda store: self._read(store, job_id, after))

    def ending_of(self, job_id: str) -> Ending | None:
        """Why nobody can listen to a job any more."""
        topic = self._topics.get(job_id)
        return Ending.STOPPED if self._stopped else topic.ending if topic else None

    def removed(self, job_id: str) -> None:
        """Take note that a job is not there any more."""
        if topic := self._topics.get(job_id):
            topic.end(Ending.GONE)

    def leave(self, job_id: str, listener: Listener) -> None:
        """Forget a listener; the tailer rests when it was the last."""
        topic = self._topics.get(job_id)
        if topic and listener in topic.listeners:
            topic.listeners.remove(listener)
            self._count -= 1
            if not topic.listeners:
                del self._topics[job_id]

    def stop(self) -> None:
        """End every stream now, because the server ends; called on the event loop's thread."""
        self._stopped = True
        for topic in self._topics.values():
            topic.end(Ending.STOPPED)

    async def close(self) -> None:
        """Stop, and wait for the threads."""
        self.stop()
        if self._tailer is not None:
            self._tailer.cancel()
            await asyncio.wait((self._tailer,))
        for threads in (self._tail_thread, self._replay_threads):
            await asyncio.to_thread(threads.shutdown)

    def _enter(self, listener: Listener, job_id: str, head: int) -> Listener:
        if self._count >= self._bound:
            raise BusyError(
                f"{self._bound} others listen already: try again in a moment.",
                code="too-many-listeners",
                retry_after=5,
            )
        self._count += 1
        self._topics.setdefault(job_id, _Topic(head)).listeners.add(listener)
        if self._tailer is None or self._tailer.done():
            self._tailer = asyncio.create_task(self._tail())
            self._tailer.add_done_callback(self._tailer_ended)
        return listener

    async def _tail(self) -> None:
        """Look for news while anybody listens; a database that is away is asked again later."""
        while self._topics:
            try:
                await self._look()
            except ClipmillError as error:
                LOG.info("No news can be read: %s", error.message)
                await asyncio.sleep(OUTAGE_S)
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        asked = tuple(self._topics)
        heads = await self._tail_ask(lambda store: store.heads(asked))
        for job_id in asked:
            topic = self._topics.get(job_id)
            if topic and job_id not in heads:
                topic.end(Ending.GONE)
            elif topic and heads[job_id] > topic.head:
                await self._hand_out(job_id, topic, heads[job_id])

    async def _hand_out(self, job_id: str, topic: _Topic, head: int) -> None:
        """Read what is new once for all; so much at once that no buffer holds it stays in the log."""
        if head - topic.head > PAGE:
            topic.skip(head)
            return
        page = await self._tail_ask(lambda store: self._read(store, job_id, topic.head))
        topic.hand_out(page, page[-1].number if page else head)

    def _read(self, store: Store, job_id: str, after: int) -> list[Message]:
        return [message_of(event, self._links) for event in store.events(job_id, after=after, limit=PAGE)]

    async def _tail_ask(self, question: Callable[[Store], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._tail_thread, question, self._store)

    def _tailer_ended(self, tailer: asyncio.Task[None]) -> None:
        """Let nobody wait for a tailer that failed: the streams end, and who comes again starts another."""
        if not tailer.cancelled() and (error := tailer.exception()):
            LOG.error("The reader of events failed.", exc_info=error)
            for topic in self._topics.values():
                topic.end(Ending.STOPPED)
