"""Take from this process all that a child does not need, in the last moments before it becomes the child.

Standard library only, and cheap to import: the launcher process (spawner.py) runs it. Landlock rules
files and TCP, seccomp closes every socket but local ones (or but those of TCP) and the kernel's rarely used
doors, resource limits bound what is left. Where a layer does not exist (old kernels, macOS) the others are
still applied, and ``measure`` says which level is reached.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import stat
import struct
import sys
from typing import Any, NamedTuple

from clipmill.media.seccomp import ARCHITECTURES, filter_code

LINUX = sys.platform == "linux"

FULL, NO_NAMESPACES, RLIMITS_ONLY = "full", "no-namespaces", "rlimits-only"
"""Levels, the strongest first: all layers; all but an empty network namespace; limits alone."""


class Cage(NamedTuple):
    """What a child may do. ``memory_mb`` of 0 leaves its address space unbounded.

    ``port`` is the one TCP port that it may connect to, 0 for no network at all.
    """

    reads: tuple[str, ...]
    runs: tuple[str, ...]
    writes: tuple[str, ...]
    devices: tuple[str, ...]
    lists: tuple[str, ...]
    cpu_s: int
    memory_mb: int
    file_mb: int
    port: int = 0


def confine(cage: Cage) -> None:
    """Apply every layer there is to this process and what it becomes; there is no way back."""
    limit(cage)
    if not LINUX:
        return
    if not cage.port:
        leave_the_network()
    drop_capabilities()
    _checked(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    restrict_files(cage)
    with contextlib.suppress(OSError):  # a kernel built without; ``measure`` tells
        filter_calls(tcp=cage.port != 0)


def measure() -> str:
    """The level that this process reaches when it is confined to nothing; it is spoilt by asking."""
    if not LINUX or landlock_version() < 1 or os.uname().machine not in ARCHITECTURES:
        return RLIMITS_ONLY
    alone = leave_the_network() and landlock_version() >= 4
    with contextlib.suppress(OSError):
        confine(Cage((), (), (), (), (), cpu_s=5, memory_mb=0, file_mb=1))
        if not _opens_sockets():
            return FULL if alone else NO_NAMESPACES
    return RLIMITS_ONLY


def _opens_sockets() -> bool:
    try:
        socket.socket(socket.AF_INET).close()
    except PermissionError:
        return False
    return True


# --- resource limits ------------------------------------------------------------------------------

OPEN_FILES = 512
"""ffmpeg needs 20 and onnxruntime 60."""


def limit(cage: Cage) -> None:
    """Bound CPU seconds, file size, open files and memory; no core dumps."""
    wanted = {
        resource.RLIMIT_CPU: (cage.cpu_s, cage.cpu_s + 5),  # SIGXCPU first, SIGKILL for who ignores it
        resource.RLIMIT_FSIZE: (cage.file_mb << 20,) * 2,
        resource.RLIMIT_NOFILE: (OPEN_FILES, OPEN_FILES),
        resource.RLIMIT_CORE: (0, 0),
    }
    if cage.memory_mb:
        wanted[resource.RLIMIT_AS] = (cage.memory_mb << 20,) * 2
    for kind, (soft, hard) in wanted.items():
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS and refuses to set it
            resource.setrlimit(kind, (soft, hard))


# --- process ties ---------------------------------------------------------------------------------

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SECCOMP_MODE_FILTER = 2


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends; end at once when it already has."""
    if LINUX:
        _checked(_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent ends, so that none gets away."""
    if LINUX:
        _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# --- namespaces and capabilities ------------------------------------------------------------------

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
KEPT_CAPABILITIES = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: root may still open the user's file that it was given."""


def leave_the_network() -> bool:
    """Move into an empty network namespace where that is permitted; root needs no user namespace for it."""
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    return int(_libc().unshare(flags)) == 0


def drop_capabilities() -> None:
    """Give up for good what root may do beyond opening files; harmless for everybody else."""
    for capability in range(64):
        if capability not in KEPT_CAPABILITIES:
            _libc().prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


# --- Landlock (linux/landlock.h) ------------------------------------------------------------------

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
BY_VERSION = {1: (1 << 13) - 1, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
PATH_BENEATH, NET_PORT = 1, 2
BIND_TCP_AND_CONNECT_TCP, CONNECT_TCP = 3, 2
ABSTRACT_SOCKETS_AND_SIGNALS = 3


def landlock_version() -> int:
    """The version of Landlock that the kernel speaks, 0 for none."""
    return max(0, int(_libc().syscall(CREATE_RULESET, None, 0, 1))) if LINUX else 0


def restrict_files(cage: Cage) -> None:
    """Leave nothing of the file system and of TCP but what the cage names; no effect without Landlock."""
    version = landlock_version()
    if version < 1:
        return
    handled = sum(rights for since, rights in BY_VERSION.items() if since <= version)
    attributes = struct.pack(
        "QQQ",
        handled,
        BIND_TCP_AND_CONNECT_TCP if version >= 4 else 0,
        ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _checked(_libc().syscall(CREATE_RULESET, attributes, size, 0))
    for paths, rights in (
        (cage.reads, READ),
        (cage.runs, READ | EXECUTE),
        (cage.writes, WRITE),
        (cage.devices, READ_FILE | WRITE_FILE | IOCTL_DEV),
        (cage.lists, READ_DIR),
    ):
        for path in paths:
            _allow(ruleset, path, rights & handled)
    if cage.port and version >= 4:
        port = struct.pack("=QQ", CONNECT_TCP, cage.port)
        _checked(_libc().syscall(ADD_RULE, ruleset, NET_PORT, port, 0))
    _checked(_libc().syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there needs no permission
        return
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= ON_FILES
    if rights:
        _checked(_libc().syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, place), 0))
    os.close(place)


# --- seccomp --------------------------------------------------------------------------------------


def filter_calls(*, tcp: bool) -> None:
    """Install the filter for this machine; an unknown architecture goes without."""
    architecture = ARCHITECTURES.get(os.uname().machine)
    if architecture is None:
        return
    code = ctypes.create_string_buffer(filter_code(architecture, tcp=tcp))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(code)))
    _checked(_libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0))


# --- the C library --------------------------------------------------------------------------------

_LIBRARY: list[Any] = []


def _libc() -> Any:
    if not _LIBRARY:
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
        _LIBRARY.append(library)
    return _LIBRARY[0]


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
