"""Our side of the launcher process: start it, send it requests with descriptors, let it end."""

import contextlib
import os
import signal
import socket
import sys
import threading
from pathlib import Path


class Launcher:
    """The process that starts our children; one for each process of ours, from the first child on."""

    def __init__(self) -> None:
        """``groups`` are the process groups of the children that run."""
        self._lock = threading.Lock()
        self._owner = 0
        self._pid = 0
        self._control: socket.socket | None = None
        self.groups: set[int] = set()

    def ready(self) -> None:
        """Make sure that it runs."""
        with self._lock:
            self._ready()

    def send(self, body: bytes, descriptors: tuple[int, ...]) -> int:
        """Send one request, and return our end of its channel."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            for last in (False, True):
                try:
                    self._deliver(body, (theirs.fileno(), *descriptors))
                    return ours.detach()
                except OSError:  # it was killed; start another, once
                    self._drop()
                    if last:
                        ours.close()
                        raise
        raise AssertionError

    def _deliver(self, body: bytes, descriptors: tuple[int, ...]) -> None:
        control = self._ready()
        socket.send_fds(control, [len(body).to_bytes(4, "little")], descriptors)
        control.sendall(body)

    def _ready(self) -> socket.socket:
        if self._owner != os.getpid():  # none yet, or we are a fork and it is our parent's
            self._owner, self._pid, self._control, self.groups = os.getpid(), 0, None, set()
        if self._control is None:
            self._start()
        assert self._control is not None
        return self._control

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        program = Path(__file__).with_name("spawner.py")
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        with theirs, open(os.devnull, "r+b") as nothing:
            self._pid = os.posix_spawn(
                sys.executable,
                (sys.executable, "-I", "-S", "-B", str(program)),
                kept,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, nothing.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
                ],
                setpgroup=0,  # Ctrl-C is for us to hear, and to stop children in order
            )
        self._control = ours
        threading.Thread(target=self._mourn, args=(ours,), daemon=True, name="clipmill-launcher").start()

    def _mourn(self, control: socket.socket) -> None:
        """Wait for the death of the launcher process, then kill the groups that it can no longer kill.

        The kernel ends its children, but not what they started; and that may hold a pipe that we read.
        """
        with contextlib.suppress(OSError):
            control.recv(1)
        self._kill_groups()

    def _kill_groups(self) -> None:
        for group in tuple(self.groups):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    def _drop(self) -> None:
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
            self._control = None
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0

    def end(self) -> None:
        """Let it end with all its children, and wait for that, so that their CPU seconds count as ours."""
        if self._owner == os.getpid():
            self._drop()
            self._kill_groups()  # when it was killed just before us, nobody has mourned it yet


def first_line(channel: int) -> bytes:
    """The first line that comes, byte by byte so that the next is left; empty when none comes."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(channel, 1)
        if not byte:
            return b""
        line += byte
    return line
