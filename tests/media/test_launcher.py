"""Children: what they may do, how their ends are told, and that none outlives us."""

import contextlib
import gc
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from clipmill.addresses import Place
from clipmill.errors import JobCancelled, MissingError, ToolError
from clipmill.media.egress import close_ways, way_out
from clipmill.media.launcher import (
    Command,
    Limits,
    Profile,
    Reins,
    fetch_level,
    held_by,
    launch,
    sandbox_level,
)
from clipmill.media.sandbox import landlock_version
from media_kit import make_silent_video

CONFINED = sandbox_level() != "rlimits-only"
needs_confinement = pytest.mark.skipif(not CONFINED, reason="needs Landlock and seccomp")


def python(code: str, cwd: Path, **rest: object) -> Command:
    """A child that runs ``code``."""
    rest.setdefault("profile", Profile.ML)
    return Command("child", (sys.executable, "-P", "-X", "faulthandler", "-c", code), cwd, **rest)  # type: ignore[arg-type]


def said(code: str, cwd: Path, **rest: object) -> str:
    """What a child that runs ``code`` prints, once it has ended well."""
    with launch(python(code, cwd, **rest)) as child:
        assert child.stdout
        text = child.stdout.read().decode()
        child.wait()
    return text


def fault(code: str, cwd: Path, **rest: object) -> ToolError:
    """The error with which a child that runs ``code`` ends."""
    with launch(python(code, cwd, **rest)) as child, pytest.raises(ToolError) as caught:
        child.wait()
    return caught.value


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_gone(pids: list[int], seconds: float) -> bool:
    """Whether none of the processes lives, looking until then."""
    until = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(is_alive, pids))


# --- ends -----------------------------------------------------------------------------------------


def test_a_child_that_ends_well_gives_its_output_and_its_cpu_seconds(tmp_path: Path) -> None:
    with launch(python("print(sum(range(10**6)))", tmp_path)) as child:
        assert child.stdout
        assert child.stdout.read() == b"499999500000\n"
        child.wait()
        assert child.poll() == 0
        assert child.cpu_s > 0.005


def test_a_child_killed_by_sigsegv_is_named_so(tmp_path: Path) -> None:
    error = fault("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", tmp_path)
    assert (error.code, error.signal) == ("tool-crashed", "SIGSEGV")
    assert "SIGSEGV" in error.message
    assert "Segmentation fault" in error.detail


def test_a_child_that_reads_address_zero_is_named_so(tmp_path: Path) -> None:
    error = fault("import ctypes; ctypes.string_at(0)", tmp_path)
    assert (error.code, error.signal) == ("tool-crashed", "SIGSEGV")


def test_a_failed_child_tells_the_end_of_its_stderr(tmp_path: Path) -> None:
    error = fault("import sys; sys.stderr.write('x' * 5000 + 'the reason'); sys.exit(3)", tmp_path)
    assert (error.code, error.signal) == ("tool-failed", "")
    assert len(error.detail) == 2000
    assert error.detail.endswith("the reason")


def test_a_program_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no program"):
        launch(Command("ghost", ("/nonexistent/ghost",), tmp_path))


def test_a_program_is_not_looked_for_on_the_path(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        launch(Command("true", ("true",), tmp_path))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    error = fault("pass", tmp_path / "nowhere")
    assert error.code == "tool-failed"
    assert "could not be started" in error.message


# --- limits ---------------------------------------------------------------------------------------


def test_a_child_past_its_deadline_ends_though_we_block_on_its_output(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with launch(python(deaf, tmp_path, limits=Limits(wall_s=0.3))) as child:
        assert child.stdout
        assert child.stdout.read() == b""
        with pytest.raises(ToolError, match=r"longer than 0\.3 s") as caught:
            child.wait()
    assert caught.value.code == "tool-timeout"


def test_a_child_that_uses_up_its_processor_time_is_stopped(tmp_path: Path) -> None:
    error = fault("while True: pass", tmp_path, limits=Limits(cpu_s=1))
    assert (error.code, error.signal) == ("tool-timeout", "SIGXCPU")


def test_a_file_that_grows_too_large_is_told_as_such(ffmpeg: Path, tmp_path: Path) -> None:
    argv = (str(ffmpeg), "-nostdin", "-v", "error", "-f", "lavfi", "-i", "color", "-f", "rawvideo", "big.raw")
    command = Command("ffmpeg", argv, tmp_path, limits=Limits(file_mb=2))
    with launch(command) as child, pytest.raises(ToolError, match="more than 2 MB") as caught:
        child.wait()
    assert caught.value.code == "output-too-large"


def test_a_model_that_eats_memory_is_stopped(tmp_path: Path) -> None:
    greedy = "import time; x = bytearray(300 << 20); x[::4096] = b'1' * len(x[::4096]); time.sleep(60)"
    error = fault(greedy, tmp_path, limits=Limits(memory_mb=128))
    assert error.code == "tool-crashed"
    assert "more than 128 MB of memory" in error.message


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not bound address space")
def test_a_media_child_cannot_map_more_than_its_memory(tmp_path: Path) -> None:
    code = "try: bytearray(2 << 30)\nexcept MemoryError: print('refused')"
    assert said(code, tmp_path, profile=Profile.MEDIA, limits=Limits(memory_mb=512)) == "refused\n"


def test_stderr_cannot_fill_the_disk(tmp_path: Path) -> None:
    flood = "import sys, time\nfor _ in range(40): sys.stderr.write('x' * (1 << 20))\ntime.sleep(2)"
    with launch(python(flood, tmp_path)) as child:
        child.wait()
        assert os.fstat(child._stderr).st_blocks * 512 < 24 << 20
        assert len(child.stderr_tail()) <= 2000


# --- what it sees ---------------------------------------------------------------------------------


def test_a_child_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPMILL_SECRET", "canary")
    assert "canary" not in said("import os; print(os.environ)", tmp_path)


def test_a_child_has_no_descriptors_but_the_first_three(tmp_path: Path) -> None:
    with open(tmp_path / "ours", "wb") as ours:
        os.set_inheritable(ours.fileno(), True)
        listed = said("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))", tmp_path)
    assert listed in ("[0, 1, 2]\n", "[0, 1, 2, 3]\n")  # 3 is the listing itself


@needs_confinement
def test_a_child_reads_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    work, other = tmp_path / "work", tmp_path / "other"
    work.mkdir()
    other.mkdir()
    (other / "given").write_text("given")
    (other / "secret").write_text("secret")
    code = (
        f"print(open({str(other / 'given')!r}).read())\n"
        f"try: open({str(other / 'secret')!r})\nexcept PermissionError: print('refused')"
    )
    assert said(code, work, reads=(other / "given",)) == "given\nrefused\n"


@needs_confinement
def test_a_child_writes_inside_its_folder_only(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    code = (
        "open('inside', 'w').write('x')\n"
        f"try: open({str(tmp_path / 'outside')!r}, 'w')\nexcept PermissionError: print('refused')"
    )
    assert said(code, work) == "refused\n"
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


@needs_confinement
@pytest.mark.parametrize("kind", ["AF_INET, socket.SOCK_STREAM", "AF_INET, socket.SOCK_DGRAM", "AF_INET6"])
def test_a_child_opens_no_socket_to_a_network(tmp_path: Path, kind: str) -> None:
    code = f"import socket\ntry: socket.socket(socket.{kind})\nexcept PermissionError: print('refused')"
    assert said(code, tmp_path) == "refused\n"


@needs_confinement
def test_a_child_starts_no_other_program(tmp_path: Path) -> None:
    code = "import subprocess\ntry: subprocess.run(['/bin/ls'])\nexcept PermissionError: print('refused')"
    assert said(code, tmp_path) == "refused\n"


@needs_confinement
def test_a_child_cannot_leave_its_group(tmp_path: Path) -> None:
    code = (
        "import os\nif os.fork() == 0:\n"
        "    try: os.setsid()\n    except PermissionError: print('refused')\nelse: os.wait()"
    )
    assert said(code, tmp_path) == "refused\n"


@needs_confinement
def test_a_playlist_that_ffmpeg_would_follow_reads_no_other_file(ffmpeg: Path, tmp_path: Path) -> None:
    work, canary = tmp_path / "work", tmp_path / "canary.ts"
    work.mkdir()
    make_silent_video(ffmpeg, canary, seconds=0.5)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{canary}\n#EXT-X-ENDLIST\n"
    (work / "list.m3u8").write_text(playlist)
    argv = (str(ffmpeg), "-nostdin", "-v", "error", "-i", "list.m3u8", "-f", "rawvideo", "pipe:1")
    unconfined = subprocess.run(argv, cwd=work, capture_output=True, check=False)
    with launch(Command("ffmpeg", argv, work)) as child:
        assert child.stdout
        confined = child.stdout.read()
    assert unconfined.stdout, "the playlist must work at all, or this shows nothing"
    assert not confined


# --- who fetches ----------------------------------------------------------------------------------

confined_by_port = pytest.mark.skipif(fetch_level() != "full", reason="needs Landlock of version 4")

TRIES = """
import os, socket
def tried(name, do):
    try: do()
    except OSError as error: print(name, os.strerror(error.errno))
    else: print(name, "done")
def to(port, host="127.0.0.1"): return lambda: socket.create_connection((host, port), 10).close()
def kind(*kind): return lambda: socket.socket(*kind).close()
"""


@contextlib.contextmanager
def two_listeners() -> Iterator[tuple[int, int, list[int]]]:
    """Two ports of this machine, and those of the two that somebody connected to."""
    came: list[int] = []

    def accept(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()
                came.append(server.getsockname()[1])

    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        threads = [threading.Thread(target=accept, args=(server,)) for server in (one, other)]
        for thread in threads:
            thread.start()
        try:
            yield one.getsockname()[1], other.getsockname()[1], came
        finally:
            for server in (one, other):
                server.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def fetching(code: str, cwd: Path, port: int, **rest: object) -> list[str]:
    """The lines that a child prints which fetches by ``port``."""
    return said(TRIES + code, cwd, profile=Profile.FETCH, port=port, **rest).splitlines()


@confined_by_port
def test_a_child_that_fetches_connects_to_its_port_and_to_no_other(tmp_path: Path) -> None:
    with two_listeners() as (given, other, came):
        code = (
            f"tried('given', to({given})); tried('other', to({other})); tried('ours', to(22))\n"
            f"tried('six', to({other}, '::1'))\n"
        )
        lines = fetching(code, tmp_path, given)
        refused = [f"{name} Permission denied" for name in ("other", "ours", "six")]
        assert lines == ["given done", *refused]
        assert came == [given]


@confined_by_port
def test_a_child_that_fetches_finds_no_way_around_connect(tmp_path: Path) -> None:
    """Landlock does not see these on some kernels: data with the first packet, and what is almost TCP."""
    with two_listeners() as (given, other, came):
        place, fast = f"('127.0.0.1', {other})", 0x20000000
        code = (
            f"tried('sendto', lambda: socket.socket().sendto(b'x', {fast}, {place}))\n"
            f"tried('sendmsg', lambda: socket.socket().sendmsg([b'x'], [], {fast}, {place}))\n"
            "tried('mptcp', kind(2, 1, 262)); tried('sctp', kind(2, 1, 132)); tried('smc', kind(43, 1, 0))\n"
            "tried('udp', kind(2, 2)); tried('udp6', kind(10, 2)); tried('raw', kind(2, 3, 6))\n"
            "tried('netlink', kind(16, 3)); tried('packet', kind(17, 3)); tried('local', kind(1, 1))\n"
            "tried('vsock', kind(40, 1)); tried('bind', lambda: socket.socket().bind(('127.0.0.1', 0)))\n"
            "tried('listen', lambda: socket.socket().listen())\n"
        )
        lines = fetching(code, tmp_path, given)
        assert len(lines) == 14
        assert {line.partition(" ")[2] for line in lines} == {"Permission denied"}
        assert came == []


@needs_confinement
def test_a_child_that_fetches_may_talk_to_itself_and_be_quick(tmp_path: Path) -> None:
    code = (
        "import asyncio; asyncio.run(asyncio.sleep(0))\n"
        "tried('pair', socket.socketpair)\n"
        "tried('quick', kind(2, 1 | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 6))\n"
        "tried('six', kind(10, 1))\n"
    )
    assert fetching(code, tmp_path, 9) == ["pair done", "quick done", "six done"]


@needs_confinement
def test_a_child_that_fetches_runs_the_programs_it_is_given_and_no_other(tmp_path: Path) -> None:
    code = (
        "import subprocess\n"
        "tried('true', lambda: subprocess.run(['/bin/true'], check=True))\n"
        "tried('ls', lambda: subprocess.run(['/bin/ls']))\n"
    )
    lines = fetching(code, tmp_path, 9, runs=(Path("/bin/true"),))
    assert lines == ["true done", "ls Permission denied"]


@confined_by_port
def test_a_script_in_deno_runs_and_connects_no_further_than_its_child(tmp_path: Path) -> None:
    deno = Path(sys.prefix, "bin", "deno")
    if not deno.exists():
        pytest.skip("needs deno")
    with two_listeners() as (given, other, came):
        script = (
            "console.log(1 + 1);"
            f"for (const port of [{given}, {other}]) try {{"
            " (await Deno.connect({hostname: '127.0.0.1', port})).close(); console.log('done');"
            " } catch (error) { console.log(error.name) }"
        )
        code = (
            "import subprocess\nos.environ['DENO_DIR'] = os.path.abspath('deno')\n"
            f"subprocess.run([{str(deno)!r}, 'run', '--no-config', '-A', '-'], input={script.encode()!r})\n"
        )
        lines = fetching(code, tmp_path, given, runs=(deno,))
        assert lines == ["2", "done", "PermissionDenied"]
        assert came == [given]


@needs_confinement
def test_a_child_that_fetches_reads_certificates_and_no_keys(tmp_path: Path) -> None:
    code = (
        "import certifi, ssl\n"
        "print(len(ssl.create_default_context(cafile=certifi.where()).get_ca_certs()) > 50)\n"
        "tried('system', lambda: os.listdir('/etc/ssl/certs'))\n"
        "tried('keys', lambda: os.listdir('/etc/ssl/private'))\n"
    )
    if not all(map(os.path.isdir, ("/etc/ssl/certs", "/etc/ssl/private"))):
        pytest.skip("needs certificates where Debian has them")
    assert fetching(code, tmp_path, 9) == ["True", "system done", "keys Permission denied"]


def test_certificates_of_this_user_are_named_to_who_fetches_and_to_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, work = tmp_path / "own.pem", tmp_path / "work"
    own.write_text("own")
    work.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    code = "print(open(os.environ['SSL_CERT_FILE']).read())"
    assert fetching(code, work, 9) == ["own"]
    assert said("import os; print('SSL_CERT_FILE' in os.environ)", work) == "False\n"


def test_what_a_child_that_fetches_has_started_counts_as_its_memory(tmp_path: Path) -> None:
    eats = "x = bytearray(200 << 20); x[::4096] = b'1' * len(x[::4096]); import time; time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {eats!r}])"
    error = fault(
        code,
        tmp_path,
        profile=Profile.FETCH,
        port=9,
        runs=(Path(sys.executable),),
        limits=Limits(memory_mb=150, wall_s=50),
    )
    assert error.code == "tool-crashed"
    assert "more than 150 MB of memory" in error.message


def test_a_port_and_programs_are_for_who_fetches_only(tmp_path: Path) -> None:
    for rest in ({"port": 80}, {"runs": (Path("/bin/true"),)}, {"profile": Profile.FETCH}):
        with pytest.raises(ValueError):
            python("pass", tmp_path, **rest)


def test_a_child_that_fetches_comes_out_through_the_proxy(tmp_path: Path) -> None:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    (tmp_path / "video.mp4").write_text("moving")
    work = tmp_path / "work"
    work.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        address = f"http://127.0.0.1:{site.server_port}/video.mp4"
        with way_out(allow=frozenset({Place("127.0.0.1", site.server_port)})) as leave:
            code = (
                "import urllib.error, urllib.request as r\n"
                f"site = r.build_opener(r.ProxyHandler({{'http': {leave.proxy!r}}}))\n"
                f"print(site.open({address!r}).read().decode())\n"
                "try: site.open('http://169.254.169.254/')\n"
                "except urllib.error.HTTPError as error: print(error.code)\n"
            )
            lines = fetching(code, work, leave.port)
        site.shutdown()
        thread.join()
    close_ways()
    assert lines == ["moving", "403"]
    assert leave.refused == ["http://169.254.169.254/"]


def test_the_level_of_those_who_fetch_says_what_the_kernel_offers() -> None:
    assert fetch_level() == ("full" if landlock_version() >= 4 and CONFINED else "proxy-only")


# --- pipes and threads ----------------------------------------------------------------------------


def test_two_children_are_joined_by_a_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with launch(python("print('abc' * 100000, end='')", tmp_path), stdout=writing):
        os.close(writing)
        with launch(python("import sys; print(len(sys.stdin.read()))", tmp_path), stdin=reading) as second:
            os.close(reading)
            assert second.stdout
            assert second.stdout.read() == b"300000\n"


def test_without_stdin_a_child_reads_an_empty_one(tmp_path: Path) -> None:
    assert said("import sys; print(len(sys.stdin.read()))", tmp_path) == "0\n"


def test_many_threads_launch_at_once(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(said(f"print({n})", tmp_path).strip()))  # type: ignore[misc]
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [str(number) for number in range(8)]


def test_a_child_lives_on_when_the_thread_that_launched_it_ends(tmp_path: Path) -> None:
    started: list[object] = []
    slow = python("import time; time.sleep(1); print('done')", tmp_path)
    thread = threading.Thread(target=lambda: started.append(launch(slow)))
    thread.start()
    thread.join()
    with started[0] as child:  # type: ignore[attr-defined]
        assert child.stdout.read() == b"done\n"


# --- nothing stays --------------------------------------------------------------------------------

FAMILY = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "pid = os.fork()\n"
    "if pid: print(os.getpid(), pid, flush=True)\n"
    "time.sleep(120)"
)
"""A child with a child of its own; both ignore SIGTERM."""


def family(stdout: object) -> list[int]:
    return [int(pid) for pid in stdout.readline().split()]  # type: ignore[attr-defined]


def test_stop_ends_the_whole_group_even_if_it_ignores_sigterm(tmp_path: Path) -> None:
    child = launch(python(FAMILY, tmp_path))
    pids = family(child.stdout)
    assert all(map(is_alive, pids))
    child.stop()
    assert all_gone(pids, 1)
    child.stop()


def test_what_a_child_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    code = "import os, time\npid = os.fork()\nif pid: print(pid)\nelse: time.sleep(120)"
    with launch(python(code, tmp_path)) as child:
        left = family(child.stdout)
        child.wait()
        assert all_gone(left, 1)


def test_a_forgotten_child_is_killed(tmp_path: Path) -> None:
    child = launch(python(FAMILY, tmp_path))
    with child.stdout as stdout:  # type: ignore[union-attr]
        pids = family(stdout)
    del child
    gc.collect()
    assert all_gone(pids, 2)


WORKER = f"""
import os, sys
from pathlib import Path
from clipmill.media import launcher
from clipmill.media.launcher import Command, Profile, launch
command = Command("child", (sys.executable, "-P", "-c", {FAMILY!r}), Path(sys.argv[1]), profile=Profile.ML)
children = [launch(command) for _ in range(2)]
pids = [pid for child in children for pid in child.stdout.readline().decode().split()]
print(launcher._launcher._pid, *pids, flush=True)
children[0].wait()
"""


@contextlib.contextmanager
def worker(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A worker with two families of children; and the pids of its launcher and of all of them."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            pids = family(process.stdout)
            assert len(pids) == 5
            assert all(map(is_alive, pids))
            yield process, pids
        finally:
            process.kill()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_child_lives_two_seconds_after_its_worker(tmp_path: Path, how: signal.Signals) -> None:
    with worker(tmp_path) as (process, pids):
        process.send_signal(how)
        process.wait(30)
        assert all_gone(pids, 2)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_lives_two_seconds_after_the_launcher_process(tmp_path: Path, how: signal.Signals) -> None:
    with worker(tmp_path) as (_, pids):
        os.kill(pids[0], how)
        assert all_gone(pids, 2)


def test_after_the_launcher_process_was_killed_another_one_starts(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom clipmill.media import launcher\n"
        "command = launcher.Command('child', (sys.executable, '-c', 'print(1)'), Path(sys.argv[1]))\n"
        "launcher.start()\n"
        "os.kill(launcher._launcher._pid, signal.SIGKILL)\n"
        "with launcher.launch(command) as child: print(child.stdout.read().decode())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=30, check=True
    )
    assert ran.stdout.strip() == b"1"


# --- reins ----------------------------------------------------------------------------------------

STOP_S = 2.5
"""No child may live longer than this after its reins were stopped."""


def stopped_by_another_thread(reins: Reins) -> None:
    thread = threading.Thread(target=reins.stop, args=("cancelled",))
    thread.start()
    thread.join()


def test_reins_stop_a_deaf_family_from_another_thread(tmp_path: Path) -> None:
    reins = Reins()
    with held_by(reins), launch(python(FAMILY, tmp_path)) as child:
        pids = family(child.stdout)
        assert reins.stopped == ""
        stopped_by_another_thread(reins)
        assert all(map(is_alive, pids)), "nobody waits for their end"
        assert all_gone(pids, STOP_S)
        with pytest.raises(JobCancelled):
            child.wait()
    assert reins.stopped == "cancelled"


def test_whoever_waits_for_a_child_hears_that_its_work_was_cancelled(tmp_path: Path) -> None:
    reins = Reins()
    slow = python("import time; print('up', flush=True); time.sleep(60)", tmp_path)
    with held_by(reins), launch(slow) as child:
        assert child.stdout
        child.stdout.readline()
        timer = threading.Timer(0.2, reins.stop, ("cancelled",))
        timer.start()
        with pytest.raises(JobCancelled):
            child.wait()
    timer.join()


def test_stopped_reins_let_no_child_start(tmp_path: Path) -> None:
    reins = Reins()
    reins.stop("cancelled")
    with held_by(reins), pytest.raises(JobCancelled):
        launch(python("open('started', 'w')", tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert said("print(1)", tmp_path) == "1\n"


def test_the_first_reason_for_stopping_stands() -> None:
    reins = Reins()
    reins.stop("cancelled")
    reins.stop("returned")
    assert reins.stopped == "cancelled"


def test_reins_stop_no_child_of_others(tmp_path: Path) -> None:
    slow = python("import time; print('up', flush=True); time.sleep(0.5); print('done')", tmp_path)
    mine, other = Reins(), Reins()
    with held_by(other), launch(slow) as held, held_by(mine), launch(slow) as stopped:
        for child in (held, stopped):
            assert child.stdout
            child.stdout.readline()
        mine.stop("cancelled")
        assert held.stdout
        assert held.stdout.read() == b"done\n"
        held.wait()
        with pytest.raises(JobCancelled):
            stopped.wait()


def test_half_an_answer_of_a_stopped_child_is_no_fault_of_its_own(tmp_path: Path) -> None:
    reins = Reins()

    def misunderstand() -> None:
        with held_by(reins), launch(python("print('half', end='')", tmp_path)) as child:
            assert child.stdout
            assert child.stdout.read() == b"half"
            reins.stop("cancelled")
            raise ToolError("gave no usable answer", code="tool-failed")

    with pytest.raises(JobCancelled):
        misunderstand()


def test_a_child_that_is_being_launched_while_its_reins_stop_does_not_live_on(tmp_path: Path) -> None:
    sleepy = python("import time; time.sleep(60)", tmp_path)
    pids: list[int] = []

    def work(reins: Reins) -> None:
        with contextlib.suppress(JobCancelled), held_by(reins):
            while True:
                with launch(sleepy) as child:
                    pids.append(child.pid)
                    child.wait()

    for number in range(8):
        reins = Reins()
        thread = threading.Thread(target=work, args=(reins,))
        thread.start()
        time.sleep(0.003 * number)  # 3 ms is what a launch takes
        reins.stop("cancelled")
        thread.join(STOP_S + 1)
        assert not thread.is_alive()
    assert all_gone(pids, STOP_S)


def test_reins_keep_no_child_that_was_forgotten(tmp_path: Path) -> None:
    reins = Reins()
    with held_by(reins):
        child = launch(python(FAMILY, tmp_path))
    with child.stdout as stdout:  # type: ignore[union-attr]
        pids = family(stdout)
    kept = weakref.ref(child)
    del child
    gc.collect()
    assert kept() is None
    assert all_gone(pids, STOP_S)
    reins.stop("cancelled")


def test_a_worker_can_stop_its_children_when_it_is_told_to_end(tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from clipmill.errors import JobCancelled
from clipmill.media.launcher import Command, Profile, Reins, held_by, launch
reins = Reins()
signal.signal(signal.SIGTERM, lambda *_: reins.stop("returned"))
command = Command("child", (sys.executable, "-P", "-c", {FAMILY!r}), Path(sys.argv[1]), profile=Profile.ML)
with held_by(reins), launch(command) as child:
    print(child.stdout.readline().decode().strip(), flush=True)
    try: child.wait()
    except JobCancelled: print("cancelled", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        pids = family(process.stdout)
        process.terminate()
        assert process.stdout
        assert process.stdout.read() == b"cancelled\n"
    assert all_gone(pids, 1)
