"""The filter of system calls, run here as the kernel runs it."""

import struct
import subprocess
import sys

import pytest

from clipmill.media.launcher import sandbox_level
from clipmill.media.sandbox import landlock_version
from clipmill.media.seccomp import AARCH64, ALLOW, ERRNO, KILL, X86_64, Architecture, filter_code

EPERM, EACCES, ENOSYS = 1, 13, 38
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
STREAM = 1


def verdict(code: bytes, audit: int, number: int, *arguments: int) -> int:
    """What the filter returns for a call: classic BPF over struct seccomp_data."""
    padded = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, audit, 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", code))
    at, loaded = 0, 0
    while True:
        operation, yes, no, value = steps[at]
        at += 1
        match operation:
            case 0x20:
                loaded = struct.unpack_from("<I", data, value)[0]
            case 0x15:
                at += yes if loaded == value else no
            case 0x35:
                at += yes if loaded >= value else no
            case 0x45:
                at += yes if loaded & value else no
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
class TestFilter:
    """On both architectures the same doors are closed."""

    def test_local_sockets_pass_and_network_sockets_fail(self, machine: Architecture) -> None:
        code = filter_code(machine)
        assert verdict(code, machine.audit, machine.socket, AF_UNIX) == ALLOW
        for family in (AF_INET, AF_INET6, AF_NETLINK, 17, 40):
            assert verdict(code, machine.audit, machine.socket, family) == ERRNO | EACCES

    def test_every_denied_call_fails(self, machine: Architecture) -> None:
        code = filter_code(machine)
        for number in (*machine.denied, 425, 428, 442):
            assert verdict(code, machine.audit, number) == ERRNO | EPERM

    def test_threads_are_cloned_and_namespaces_are_not(self, machine: Architecture) -> None:
        code = filter_code(machine)
        thread, new_user = 0x3D0F00, 0x10000000
        assert verdict(code, machine.audit, machine.clone, thread) == ALLOW
        assert verdict(code, machine.audit, machine.clone, thread | new_user) == ERRNO | EPERM
        assert verdict(code, machine.audit, 435) == ERRNO | ENOSYS

    def test_ordinary_calls_pass(self, machine: Architecture) -> None:
        code = filter_code(machine)
        named = {machine.socket, machine.clone, 435, *machine.denied, *range(425, 443)}
        for number in set(range(300)) - named:
            assert verdict(code, machine.audit, number) == ALLOW

    def test_for_who_fetches_tcp_passes_and_nothing_like_it(self, machine: Architecture) -> None:
        code = filter_code(machine, tcp=True)
        for family in (AF_INET, AF_INET6):
            for kind in (STREAM, STREAM | 0x800, STREAM | 0x80000 | 0x800):
                for protocol in (0, 6):
                    call = (machine.socket, family, kind, protocol)
                    assert verdict(code, machine.audit, *call) == ALLOW
        refused = [(AF_UNIX, STREAM, 0), (AF_NETLINK, 3, 0), (17, 3, 0), (40, STREAM, 0), (43, STREAM, 0)]
        refused += [(AF_INET, kind, 0) for kind in (0, 2, 3, 4, 5, 6, 10, STREAM | 2, 2 | 0x800)]
        refused += [(AF_INET, STREAM, protocol) for protocol in (1, 17, 132, 256, 262)]
        for arguments in refused:
            assert verdict(code, machine.audit, machine.socket, *arguments) == ERRNO | EACCES
        assert verdict(code, machine.audit, machine.listen) == ERRNO | EACCES

    def test_for_who_fetches_no_data_goes_with_the_first_packet(self, machine: Architecture) -> None:
        code, plain = filter_code(machine, tcp=True), filter_code(machine)
        for number, at in machine.sends:
            before = [0x20000000] * at
            assert verdict(code, machine.audit, number, *before, 0x4000) == ALLOW
            assert verdict(code, machine.audit, number, *before, 0x20000000) == ERRNO | EACCES
            assert verdict(plain, machine.audit, number, *before, 0x20000000) == ALLOW

    def test_for_who_fetches_the_same_calls_are_denied(self, machine: Architecture) -> None:
        code, own = filter_code(machine, tcp=True), {machine.socket, machine.listen}
        for number in set(range(450)) - own:
            assert verdict(code, machine.audit, number) == verdict(
                filter_code(machine), machine.audit, number
            )

    def test_a_foreign_architecture_is_killed(self, machine: Architecture) -> None:
        assert verdict(filter_code(machine), 0x40000003, 0) == KILL

    def test_the_second_numbering_of_calls_is_refused(self, machine: Architecture) -> None:
        assert verdict(filter_code(machine), machine.audit, 0x40000000 | 101) == ERRNO | ENOSYS


def test_the_level_says_what_the_kernel_offers() -> None:
    level = sandbox_level()
    assert level in ("full", "no-namespaces", "rlimits-only")
    assert (level == "rlimits-only") == (landlock_version() == 0)


def test_it_may_be_imported_where_there_is_no_linux() -> None:
    code = "import sys; sys.platform = 'darwin'\nfrom clipmill.media import sandbox; print(sandbox.measure())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ran.stdout == "rlimits-only\n"
