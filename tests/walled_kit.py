"""Tests behind a wall: in a network of their own, where real names and public addresses are ours to give.

Nothing can leave it: its only interface is lo. Public and private addresses lie on lo, and a small DNS server
of ours answers all names.
"""

import contextlib
import functools
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from clipmill.media.launcher import Command, Profile

PUBLIC = ("93.184.216.34", "8.8.4.4")
INSIDE = ("10.0.0.1", "192.168.0.1", "169.254.169.254", "100.100.100.200", "172.16.0.1", "168.63.129.16")
PUBLIC_6, INSIDE_6 = "2606:2800:220:1::1", ("fd00:ec2::254", "64:ff9b::7f00:1", "2002:7f00:1::")

PREPARED = """
set -e
ip link set lo up
for place in $PLACES; do ip addr add $place dev lo nodad 2>/dev/null || ip addr add $place dev lo; done
mount -t tmpfs none /run
printf 'nameserver 127.0.0.1\\noptions timeout:2 attempts:1\\n' > /run/resolv.conf
printf 'hosts: files dns\\n' > /run/nsswitch.conf
mount --bind /run/resolv.conf /etc/resolv.conf
mount --bind /run/nsswitch.conf /etc/nsswitch.conf
exec "$@"
"""
"""The folder /run is emptied, so that no resolver of the real machine is reached by a local socket."""


@functools.cache
def walls() -> bool:
    """Whether this machine lets us have a network of our own."""
    tools = all(map(shutil.which, ("unshare", "ip", "mount")))
    return tools and _behind(("true",), 20).returncode == 0


def _behind(argv: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    places = " ".join(
        (*(f"{ip}/32" for ip in (*PUBLIC, *INSIDE)), *(f"{ip}/128" for ip in (PUBLIC_6, *INSIDE_6)))
    )
    return subprocess.run(
        ("unshare", *user, "--net", "--mount", "sh", "-c", PREPARED, "sh", *argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, "PLACES": places},
    )


def walled(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a process of its own behind the wall; skip it where there is none.

    Of fixtures it may take those that are paths.
    """

    @functools.wraps(test)
    def outside(**given: Path) -> None:
        if not walls():
            pytest.skip("needs a network of its own (unshare)")
        code = (
            f"import pathlib, runpy, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            f"tests = runpy.run_path({test.__code__.co_filename!r})\n"
            f"given = { ({name: str(path) for name, path in given.items()})!r}\n"
            f"tests[{test.__name__!r}].__wrapped__(**{{name: pathlib.Path(given[name]) for name in given}})\n"
        )
        ran = _behind((sys.executable, "-W", "error", "-c", code), 200)
        assert ran.returncode == 0, ran.stdout[-6000:]

    return outside


# --- names ----------------------------------------------------------------------------------------

Answers = Callable[[str, int], Sequence[str]]
"""The numbers of a name, asked for the how-many-th time from 0 on; the same for A and AAAA."""


@contextlib.contextmanager
def naming(answers: Answers) -> Iterator[list[str]]:
    """A DNS server for all names, and the names that it was asked for, once for each look-up."""
    asked: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))

        def answer() -> None:
            while True:
                query, peer = server.recvfrom(512)
                if not query:
                    return
                name, kind = _question(query)
                if kind == 1:
                    asked.append(name)
                numbers = answers(name, max(0, asked.count(name) - 1))
                server.sendto(_reply(query, kind, numbers), peer)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield asked
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", 53))
            thread.join()


def _question(query: bytes) -> tuple[str, int]:
    parts, at = [], 12
    while length := query[at]:
        parts.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(parts), int(struct.unpack_from(">H", query, at + 1)[0])


def _reply(query: bytes, kind: int, numbers: Sequence[str]) -> bytes:
    family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
    of_kind = [number for number in numbers if family and (":" in number) == (kind == 28)]
    end = query.index(b"\0", 12) + 5
    records = b"".join(
        struct.pack(">HHHIH", 0xC00C, kind, 1, 0, len(data)) + data
        for data in (socket.inet_pton(family, number) for number in of_kind if family)
    )
    head = query[:2] + struct.pack(">HHHHH", 0x8580, 1, len(of_kind), 0, 0)
    return head + query[12:end] + records


# --- who was reached ------------------------------------------------------------------------------


@contextlib.contextmanager
def inner_services(*ports: int) -> Iterator[list[str]]:
    """Listeners at every address of lo on these ports, and where somebody came in."""
    came: list[str] = []
    with contextlib.ExitStack() as open_ones:
        servers = []
        for port in ports:
            for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                server = open_ones.enter_context(socket.socket(family))
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                server.bind((every, port))
                server.listen(100)
                servers.append(server)

        def accept(server: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    guest, _ = server.accept()
                    came.append(f"{guest.getsockname()[0]} {guest.getsockname()[1]}")
                    with guest:
                        guest.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")

        threads = [threading.Thread(target=accept, args=(server,)) for server in servers]
        for thread in threads:
            thread.start()
        try:
            yield came
        finally:
            for server in servers:
                server.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def packets() -> int:
    """How many packets have passed through this network so far."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return sum(int(line.split(":")[1].split()[column]) for line in lines for column in (1, 9))


@contextlib.contextmanager
def overheard() -> Iterator[list[frozenset[tuple[str, int]]]]:
    """The two ends of every packet that passes through this network, in the order in which they pass."""
    ends: list[frozenset[tuple[str, int]]] = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        tap.bind(("lo", 0))
        tap.settimeout(0.2)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    ends.append(_ends(tap.recv(65536)))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield ends
        finally:
            done.set()
            thread.join()


def _ends(frame: bytes) -> frozenset[tuple[str, int]]:
    packet = frame[14:]
    if packet[0] >> 4 == 4:
        ips, inside = (packet[12:16], packet[16:20]), packet[4 * (packet[0] & 15) :]
    else:
        ips, inside = (packet[8:24], packet[24:40]), packet[40:]
    ports = struct.unpack_from(">HH", inside)
    family = socket.AF_INET if len(ips[0]) == 4 else socket.AF_INET6
    return frozenset((socket.inet_ntop(family, ip), port) for ip, port in zip(ips, ports, strict=True))


def child_of(code: str, cwd: Path, port: int, *runs: Path) -> Command:
    """A child that fetches, and runs ``code``."""
    argv = (sys.executable, "-P", "-c", code)
    return Command("child", argv, cwd, profile=Profile.FETCH, port=port, runs=runs)
