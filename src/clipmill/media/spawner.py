"""The launcher process: starts children on request, watches them, and takes them along when it ends.

Run as ``python -I -S spawner.py`` with a stream socket to the worker as descriptor 3; standard library only,
and a single thread, because the kernel ties a child's life to the thread that started it. A request is four
bytes of length and one JSON value, with the descriptors channel, stdin, stdout and stderr. On the
channel go one JSON line for the start and one for the end of the child; ``stop`` and the closing of the
channel come back.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[2]))

from clipmill.media import sandbox

CONTROL = 3
GRACE_S = 1.0
"""From SIGTERM to SIGKILL: ffmpeg closes a file within a fifth of it, but a render may ignore SIGTERM
for many seconds. Who cancels a job waits for it, and what a stopped child leaves is thrown away."""
PATROL_S = 0.5
NICE = 10
STDERR_BYTES = 16 << 20
"""What a child may write to stderr before it is thrown away; only the tail is ever read."""


class Order(NamedTuple):
    """One child as asked for; ``resident_mb`` of 0 leaves its resident memory unwatched.

    With ``family`` that bound is one on the whole group.
    """

    argv: list[str]
    cwd: str
    environment: dict[str, str]
    cage: list[Any]
    wall_s: float
    resident_mb: int
    family: bool = False


class Running:
    """A child that was started and has not been reaped."""

    def __init__(self, pid: int, order: Order, channel: int, stderr: int) -> None:
        self.pid = pid
        self.order = order
        self.channel = channel
        self.stderr = stderr
        self.deadline = time.monotonic() + order.wall_s
        self.kill_at = float("inf")
        self.why = ""

    def stop(self, why: str) -> None:
        """Ask the group to end; ``patrol`` kills what has not ended after the grace time."""
        if not self.why:
            self.why = why
            self.kill_at = time.monotonic() + GRACE_S
            self.send(signal.SIGTERM)

    def send(self, number: int) -> None:
        """Signal the whole group; it exists for as long as its leader is not reaped."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def end(self) -> tuple[int, float] | None:
        """Exit status (negative: the signal) and CPU seconds, once it has ended; its group is killed."""
        if hasattr(os, "waitid"):
            # Left a zombie until the group is killed, so that the group's number cannot name others.
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            self.send(signal.SIGKILL)
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime

    def patrol(self) -> None:
        """Enforce what the kernel does not: the deadline, resident memory, the size of stderr."""
        now = time.monotonic()
        if now >= self.kill_at:
            self.kill_at = now + PATROL_S
            self.send(signal.SIGKILL)
        elif now >= self.deadline:
            self.stop("deadline")
        elif self.order.resident_mb and self.resident_mb() > self.order.resident_mb:
            self.why = self.why or "memory"
            self.send(signal.SIGKILL)
        if os.fstat(self.stderr).st_size > STDERR_BYTES:
            os.truncate(self.stderr, 0)

    def resident_mb(self) -> int:
        """Resident memory in MiB of the child, and of what it started where it may start anything."""
        return sum(map(resident_mb, members(self.pid) if self.order.family else (self.pid,)))


def resident_mb(pid: int) -> int:
    """Resident memory in MiB, 0 where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    except (OSError, ValueError, IndexError):
        return 0


def members(group: int) -> list[int]:
    """The processes of a group; none where the system does not tell."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdigit() and os.getpgid(int(name)) == group:
                    found.append(int(name))
    return found


class Launcher:
    """The loop: requests from the worker, words on the channels, ends of children, and the patrol."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.running: dict[int, Running] = {}  # by channel
        self.pid = os.getpid()
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        self.poll.register(self.woken, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Work until the worker is gone, then end every child."""
        worker = os.getppid()
        try:
            while os.getppid() == worker:
                ready = {number for number, _ in self.poll.poll(self.nap_ms())}
                if self.control.fileno() in ready and not self.obey():
                    return
                if self.woken in ready:
                    os.read(self.woken, 4096)
                for channel in ready & self.running.keys():
                    self.hear(self.running[channel])
                self.reap()
                for child in self.running.values():
                    child.patrol()
        finally:
            for child in self.running.values():
                child.send(signal.SIGKILL)
            end_orphans(set())

    def nap_ms(self) -> float:
        """How long nothing needs to be done: until the next patrol, or the next child is to be killed."""
        if not self.running:
            return 5000
        soonest = min(child.kill_at for child in self.running.values()) - time.monotonic()
        return max(0.0, min(PATROL_S, soonest)) * 1000

    # --- requests ---

    def obey(self) -> bool:
        """Carry out one request of the worker; False when there will be no more."""
        head, descriptors, _, _ = socket.recv_fds(self.control, 4, 4)
        if len(head) < 4:
            return False
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        body = self.receive(int.from_bytes(head, "little"))
        if not body:
            return False
        order = json.loads(body)
        if order is None:
            self.measure(descriptors[0])
        else:
            self.start(Order(**order), *descriptors)
        return True

    def receive(self, length: int) -> bytes:
        """The next bytes of the worker; none when it is gone. A signal may cut one reading short."""
        body = b""
        while len(body) < length:
            more = self.control.recv(length - len(body))
            if not more:
                return b""
            body += more
        return body

    def start(self, order: Order, channel: int, stdin: int, stdout: int, stderr: int) -> None:
        """Fork the child and say its pid."""
        pid = os.fork()
        if pid == 0:
            self.become(order, channel, (stdin, stdout, stderr))
        os.close(stdin)
        os.close(stdout)
        tell(channel, pid=pid)
        self.running[channel] = Running(pid, order, channel, stderr)
        self.poll.register(channel, select.POLLIN)

    def become(self, order: Order, channel: int, standard: tuple[int, ...]) -> NoReturn:
        """Turn this process, just forked, into the child."""
        try:
            os.setsid()
            stand_back()
            sandbox.die_with(self.pid)
            for taken in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
                signal.signal(taken, signal.SIG_DFL)
            for number, descriptor in enumerate(standard):
                os.dup2(descriptor, number)
            os.chdir(order.cwd)
            sandbox.confine(sandbox.Cage(*order.cage))
            sandbox.die_with(self.pid)  # again: the kernel forgets it when a user namespace is entered
            os.execve(order.argv[0], order.argv, order.environment)
        except (OSError, ValueError, TypeError) as error:
            tell(channel, failed=str(error))
        finally:
            os._exit(127)

    def measure(self, channel: int) -> None:
        """Say which level of confinement a child reaches."""
        pid = os.fork()
        if pid == 0:
            try:
                tell(channel, level=sandbox.measure())
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        os.close(channel)

    # --- children ---

    def hear(self, child: Running) -> None:
        """Stop the child when the worker says so, kill it when nobody waits for it any more."""
        try:
            said = os.read(child.channel, 64)
        except OSError:
            said = b""
        if said:
            child.stop("stopped")
        else:
            child.send(signal.SIGKILL)
            self.poll.unregister(child.channel)

    def reap(self) -> None:
        """Report the ends of children, and end what they left behind."""
        ended = [(child, end) for child in self.running.values() if (end := child.end())]
        for child, end in ended:
            del self.running[child.channel]
            with contextlib.suppress(KeyError):
                self.poll.unregister(child.channel)
            tell(child.channel, ended=end[0], cpu_s=end[1], why=child.why)
            os.close(child.channel)
            os.close(child.stderr)
        if ended:
            end_orphans({child.pid for child in self.running.values()})


def stand_back() -> None:
    """Let those go first who wait for an answer: what children do takes minutes anyway.

    Where the kernel shares time out by session, and each child is one, nice alone says nothing to others.
    """
    with contextlib.suppress(OSError):
        os.nice(NICE)
        Path("/proc/self/autogroup").write_text(str(NICE))


def end_orphans(groups: set[int]) -> None:
    """Kill and reap adopted grandchildren that are in none of the groups."""
    with contextlib.suppress(OSError):
        adopted = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in map(int, adopted):
            if pid not in groups and os.getpgid(pid) not in groups:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def tell(channel: int, **words: object) -> None:
    """One line on a channel; nobody may be there to hear it."""
    with contextlib.suppress(OSError):
        os.write(channel, json.dumps(words).encode() + b"\n")


def main() -> None:
    """Serve the worker on descriptor 3."""
    os.set_inheritable(CONTROL, False)
    os.closerange(CONTROL + 1, os.sysconf("SC_OPEN_MAX"))  # whatever the worker let slip
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sandbox.adopt_orphans()
    Launcher(socket.socket(fileno=CONTROL)).serve()


if __name__ == "__main__":
    main()
