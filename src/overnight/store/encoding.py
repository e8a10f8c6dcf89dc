"""How what is not a column of its own is written: JSON as text, and text that every database takes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from overnight.jobs import ErrorInfo
from overnight.options import Options

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_error_decoder = msgspec.json.Decoder(ErrorInfo)
_options_decoder = msgspec.json.Decoder(Options)


def to_json(value: Any) -> str:
    """Write a value as JSON; what UTF-8 cannot hold becomes a question mark."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:  # text from the outside may hold lone surrogates
        return _encoder.encode(_storable(msgspec.to_builtins(value))).decode()


def from_json(text: str) -> Any:
    """Read what `to_json` wrote, as plain values."""
    return _decoder.decode(text)


def error_from_json(text: str | None) -> ErrorInfo | None:
    """Read an error, if there is one."""
    return None if text is None else _error_decoder.decode(text)


@lru_cache(maxsize=1024)
def options_to_json(options: Options) -> str:
    """Write options; the jobs of one task nearly always have the same."""
    return to_json(options)


@lru_cache(maxsize=1024)
def options_from_json(text: str) -> Options:
    """Read options; the jobs of one task nearly always have the same."""
    return _options_decoder.decode(text)


def storable(text: str) -> str:
    """Return text that every database takes: without NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value
