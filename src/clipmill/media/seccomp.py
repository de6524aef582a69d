"""The filter of system calls (linux/seccomp.h, linux/filter.h) as bytes, for each architecture."""

import struct
from typing import NamedTuple


class Architecture(NamedTuple):
    """How the kernel names a machine, and the numbers of its calls.

    ``sends`` are sendto, sendmsg and sendmmsg, each with the place of its flags among the arguments.
    """

    audit: int
    socket: int
    clone: int
    denied: tuple[int, ...]
    listen: int
    sends: tuple[tuple[int, int], ...]


# ptrace, process_vm_readv, process_vm_writev, kexec_load, kexec_file_load, bpf, perf_event_open, keyctl,
# add_key, request_key, mount, umount2, pivot_root, userfaultfd, init_module, finit_module, delete_module,
# setns, unshare, chroot, reboot, swapon, swapoff, acct, quotactl, name_to_handle_at, open_by_handle_at,
# settimeofday, clock_settime, sethostname, setdomainname, syslog, kcmp, and setsid, setpgid: a child stays in
# its group, where it can be killed
X86_64 = Architecture(
    audit=0xC000003E,
    socket=41,
    clone=56,
    denied=(
        101, 310, 311, 246, 320, 321, 298, 250, 248, 249, 165, 166, 155, 323, 175, 313, 176, 308, 272,
        161, 169, 167, 168, 163, 179, 303, 304, 164, 227, 170, 171, 103, 312, 112, 109,
    ),
    listen=50,
    sends=((44, 3), (46, 2), (307, 3)),
)  # fmt: skip
AARCH64 = Architecture(
    audit=0xC00000B7,
    socket=198,
    clone=220,
    denied=(
        117, 270, 271, 104, 294, 280, 241, 219, 217, 218, 40, 39, 41, 282, 105, 273, 106, 268, 97,
        51, 142, 224, 225, 89, 60, 264, 265, 170, 112, 161, 162, 116, 272, 157, 154,
    ),
    listen=201,
    sends=((206, 3), (211, 2), (269, 3)),
)  # fmt: skip
ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}

# io_uring_setup, _enter, _register, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_getfd,
# process_madvise, mount_setattr
DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442)
CLONE3 = 435

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCK_STREAM, IPPROTO_TCP = 1, 6
NOT_SOCK_STREAM = 0xE  # the other bits of a socket's kind; those above say how it is opened
MSG_FASTOPEN = 0x20000000
EPERM, EACCES, ENOSYS = 1, 13, 38
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, AUDIT_AT, FIRST_ARGUMENT_AT = 0, 4, 16
X32_CALLS = 0x40000000
NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET,TIME}


def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One step; ``yes`` and ``no`` are how many steps a jump leaves out."""
    return struct.pack("=HBBI", code, yes, no, value)


def fail(error: int) -> bytes:
    """The call ends with an error."""
    return step(RETURN, ERRNO | error)


def filter_code(architecture: Architecture, *, tcp: bool = False) -> bytes:
    """The filter as classic BPF: a foreign architecture dies, a denied call fails, the rest passes.

    The only sockets are local ones, or with ``tcp`` those of TCP.
    """
    numbers = (*architecture.denied, *DENIED_EVERYWHERE)
    sockets = _tcp_sockets(architecture) if tcp else _local_sockets(architecture)
    return b"".join(
        [
            step(LOAD, AUDIT_AT),
            step(JUMP_IF_EQUAL, architecture.audit, yes=1),
            step(RETURN, KILL),
            step(LOAD, NUMBER_AT),
            step(JUMP_IF_AT_LEAST, X32_CALLS, no=1),
            fail(ENOSYS),
            step(JUMP_IF_EQUAL, CLONE3, no=1),
            fail(ENOSYS),  # its flags lie in memory, out of sight; libraries then use clone
            *(part for number in numbers for part in (step(JUMP_IF_EQUAL, number, no=1), fail(EPERM))),
            *sockets,
            step(JUMP_IF_EQUAL, architecture.clone, no=3),
            step(LOAD, FIRST_ARGUMENT_AT),
            step(JUMP_IF_BITS, NAMESPACE_FLAGS, no=1),
            fail(EPERM),
            step(RETURN, ALLOW),
        ]
    )


def _local_sockets(architecture: Architecture) -> list[bytes]:
    return [
        step(JUMP_IF_EQUAL, architecture.socket, no=4),
        step(LOAD, FIRST_ARGUMENT_AT),
        step(JUMP_IF_EQUAL, AF_UNIX, no=1),
        step(RETURN, ALLOW),
        fail(EACCES),
    ]


def _tcp_sockets(architecture: Architecture) -> list[bytes]:
    """TCP and nothing like it: Landlock knows the ports of TCP only, and only where ``connect`` is called.

    So neither MPTCP nor SCTP, and no data with the first packet, which connects without ``connect``. Nobody
    needs to listen.
    """
    return [
        step(JUMP_IF_EQUAL, architecture.socket, no=11),
        step(LOAD, FIRST_ARGUMENT_AT),
        step(JUMP_IF_EQUAL, AF_INET, yes=1),
        step(JUMP_IF_EQUAL, AF_INET6, no=7),
        step(LOAD, FIRST_ARGUMENT_AT + 8),
        step(JUMP_IF_BITS, NOT_SOCK_STREAM, yes=5),
        step(JUMP_IF_BITS, SOCK_STREAM, no=4),
        step(LOAD, FIRST_ARGUMENT_AT + 16),
        step(JUMP_IF_EQUAL, 0, yes=1),
        step(JUMP_IF_EQUAL, IPPROTO_TCP, no=1),
        step(RETURN, ALLOW),
        fail(EACCES),
        step(JUMP_IF_EQUAL, architecture.listen, no=1),
        fail(EACCES),
        *(part for number, at in architecture.sends for part in _no_fast_open(number, at)),
    ]


def _no_fast_open(number: int, at: int) -> list[bytes]:
    return [
        step(JUMP_IF_EQUAL, number, no=4),
        step(LOAD, FIRST_ARGUMENT_AT + 8 * at),
        step(JUMP_IF_BITS, MSG_FASTOPEN, no=1),
        fail(EACCES),
        step(RETURN, ALLOW),
    ]
