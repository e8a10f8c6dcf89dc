"""Arguments and results to JSON and back, by a function's signature.

What is accepted at submit is what the function gets: every value is checked against its annotation, written
as canonical JSON (equal calls give equal bytes) and read back by the same annotation where the job runs.

`signature` binds and decides, `annotations` says what can never be JSON (cheaply, at decoration), `adapters`
asks pydantic, `plain` holds the JSON itself to its limits.
"""

from overnight.codec.plain import ARGUMENTS_LIMIT, DEPTH_LIMIT, RESULT_LIMIT, digest, encode, read_json
from overnight.codec.signature import Signature

__all__ = ["ARGUMENTS_LIMIT", "DEPTH_LIMIT", "RESULT_LIMIT", "Signature", "digest", "encode", "read_json"]
