"""The heads of HTTP messages on their way through our proxy: read strictly, and written anew."""

import base64
import re
from dataclasses import dataclass

LINE = re.compile(r"([A-Z]{3,10}) ([!-~]{1,8192}) HTTP/1\.[01]")
FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)")
STATUS = re.compile(r"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?")

FOR_ONE_HOP = frozenset({
    "connection", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "te",
    "trailer", "upgrade", "expect",
})  # fmt: skip
"""Fields that are meant for the next machine only."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks a proxy for."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a field; names are in small letters."""
        return tuple(value for field, value in self.fields if field.lower() == name)

    def length(self) -> int:
        """How many bytes of a body follow; ValueError when that cannot be told for sure."""
        lengths = self.values("content-length")
        if self.values("transfer-encoding") or len(lengths) > 1:
            raise ValueError("a body of unknown length")
        return int(lengths[0]) if lengths and re.fullmatch("[0-9]{1,15}", lengths[0]) else _none(lengths)

    def shown_word(self) -> tuple[str, str]:
        """The name and the word of Proxy-Authorization, both empty where it has none."""
        scheme, _, coded = "".join(self.values("proxy-authorization")[:1]).partition(" ")
        try:
            name, _, word = base64.b64decode(coded.strip(), validate=True).decode("ascii").partition(":")
        except ValueError:
            return "", ""
        return (name, word) if scheme.lower() == "basic" else ("", "")


def _none(lengths: tuple[str, ...]) -> int:
    if lengths:
        raise ValueError("a length that is no number")
    return 0


def read_request(head: bytes) -> Request:
    """The request of a whole head; ValueError for what is none."""
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    line, fields = LINE.fullmatch(first), [FIELD.fullmatch(text) for text in rest]
    if line is None:
        raise ValueError("no request line")
    return Request(line[1], line[2], tuple(_pair(field) for field in fields))


def _pair(field: re.Match[str] | None) -> tuple[str, str]:
    if field is None:
        raise ValueError("no header field")
    return field[1], field[2].strip(" \t")


def request_onward(request: Request, *, target: str, host: str, word: str = "") -> bytes:
    """The head that goes to the next machine; ``word`` is the Proxy-Authorization that is meant for it."""
    named = {name.strip().lower() for value in request.values("connection") for name in value.split(",")}
    left_out = FOR_ONE_HOP | named | {"host"}
    kept = [f"{name}: {value}" for name, value in request.fields if name.lower() not in left_out]
    shown = [f"Proxy-Authorization: {word}"] if word else []
    lines = (f"{request.method} {target} HTTP/1.1", f"Host: {host}", *shown, *kept, "Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def read_status(head: bytes) -> int:
    """The status of an answer; ValueError for what is none."""
    line = STATUS.fullmatch(head.decode("latin-1").partition("\r\n")[0])
    if line is None:
        raise ValueError("no status line")
    return int(line[1])


def answer_onward(head: bytes) -> bytes:
    """The head of an answer as the client gets it: the connection ends with it, whatever the server says."""
    first, *rest = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    kept = [line for line in rest if line.partition(":")[0].strip().lower() not in FOR_ONE_HOP]
    return "\r\n".join((first, *kept, "Connection: close")).encode("latin-1") + b"\r\n\r\n"


def answer_of_ours(status: int, text: str) -> bytes:
    """A whole answer that says why there is no other."""
    body = text.encode() + b"\n"
    ask = "Proxy-Authenticate: Basic realm=clipmill\r\n" if status == 407 else ""
    head = (
        f"HTTP/1.1 {status} {text}\r\n{ask}Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def basic_word(name: str, word: str) -> str:
    """The value of Proxy-Authorization for a name and a word."""
    return "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode()
