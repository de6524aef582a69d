"""What a child finds around itself: the places it may read, and a clean environment."""

import os
import site
import sys
from pathlib import Path

SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store",
    "/etc/ld.so.cache", "/etc/fonts", "/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/fontconfig",
    "/var/cache/fontconfig", "/etc/localtime", "/usr/share/zoneinfo", "/proc/self", "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu", "/sys/fs/cgroup", "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
"""Shared libraries, fonts and facts about the machine; nothing that says who uses it."""

LOADERS = (
    "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1", "/nix/store", "/gnu/store",
)  # fmt: skip
"""What the kernel executes to start a program that is not static."""


TRUST = (
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
)  # fmt: skip
"""Certificates that this machine trusts; none of the folders in which private keys lie."""

OWN_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name certificates which this user trusts besides, as where a proxy reads along."""


def trusted() -> tuple[Path, ...]:
    """Where the certificates lie that prove who a site is."""
    own = (os.environ[name] for name in OWN_TRUST if os.environ.get(name))
    return tuple(Path(place) for place in (*TRUST, *own))


def readable(program: str, reads: tuple[Path, ...]) -> list[str]:
    """All that a child may read: the system's places, its program's libraries, and what it is given."""
    places = [*SYSTEM, str(Path(program).parents[1] / "lib"), *(str(path.absolute()) for path in reads)]
    if program == os.path.realpath(sys.executable):
        places += _python_places()
    return places


def _python_places() -> list[str]:
    """Where this interpreter and its packages lie, clipmill's own source among them."""
    ours = Path(__file__).parents[2]
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [sys.prefix, sys.base_prefix, sys.exec_prefix, str(ours), *site.getsitepackages(), *user]


def environment(cwd: str, *, network: bool = False) -> dict[str, str]:
    """A clean environment: nothing of ours but where shared libraries and a user's packages lie.

    Who reaches the network is also told of certificates that are trusted besides the usual ones.

    One thread per library pool: what wants more says so itself, and idle pools that spin cost as much as
    the work (libfacedetection: 182 ms with them, 39 without). Fewer malloc arenas keep the address
    space of a many-threaded encoder inside its limit.
    """
    fixed = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",  # or libraries would leave their caches among the user's clips
        "TMPDIR": cwd,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "4",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",
    }
    if site.ENABLE_USER_SITE and site.USER_BASE:
        fixed["PYTHONUSERBASE"] = site.USER_BASE
    kept = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "TZ"]
    if network:
        kept += OWN_TRUST
    return fixed | {name: os.environ[name] for name in kept if name in os.environ}
