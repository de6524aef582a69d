"""What the OpenAPI document says of the headers of tus."""

from collections.abc import Mapping
from typing import Any

from clipmill.web import tus

HEADERS: Mapping[str, str] = {
    "Tus-Resumable": "The version of the protocol: 1.0.0.",
    "Upload-Length": "How many bytes the whole upload has.",
    "Upload-Defer-Length": "1 where the length is to be said later.",
    "Upload-Metadata": "Pairs of a key and a value in Base64; `filename` names the file.",
    "Upload-Offset": "Where these bytes go.",
    "Upload-Checksum": "`sha1` or `sha256` and the hash of these bytes in Base64; nothing else is kept.",
}
"""The headers of requests."""

LIKE: Mapping[str, Any] = {
    "Tus-Resumable": {"enum": [tus.VERSION]},
    "Upload-Length": {"pattern": "^[0-9]{1,15}$"},
    "Upload-Offset": {"pattern": "^[0-9]{1,15}$"},
    "Upload-Defer-Length": {"enum": ["1"]},
}
"""What can be said of them in the OpenAPI document."""

ANSWERED: Mapping[str, str] = {
    "Location": "Where the upload is.",
    "Upload-Offset": "How many bytes are safely on the disk.",
    "Upload-Length": "How many bytes there will be.",
    "Upload-Expires": "When the upload is removed if nobody goes on with it.",
    "Upload-Metadata": "What came with the upload.",
    "Tus-Version": "The versions that the server knows.",
    "Tus-Extension": "The parts of the protocol that the server knows.",
    "Tus-Max-Size": "The most bytes that an upload may have.",
    "Tus-Checksum-Algorithm": "The checksums that the server knows.",
}
"""The headers of answers."""


def taking(*names: str, body: str = "") -> dict[str, Any]:
    """For the OpenAPI document: the headers of a call, and the kind of its body."""
    parameters = [
        {
            "name": name,
            "in": "header",
            "required": name in ("Tus-Resumable", "Upload-Offset"),
            "schema": {"type": "string", **LIKE.get(name, {})},
            "description": HEADERS[name],
        }
        for name in names
    ]
    content = {body: {"schema": {"type": "string", "format": "binary"}}}
    return {"parameters": parameters, **({"requestBody": {"content": content}} if body else {})}


def answering(status: int, about: str, *names: str) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: an answer with its headers."""
    headers = {name: {"description": ANSWERED[name], "schema": {"type": "string"}} for name in names}
    return {status: {"description": about, "headers": headers}}
