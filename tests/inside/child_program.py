"""Programs that run as a child does, in a process of their own: real streams, real forks, real logging."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

ROOT = Path(__file__).parents[2]

_BEFORE = """
import json, logging, os, sys
from pathlib import Path
from overnight.inside import context
from overnight.inside import logging as job_logging
from overnight.inside.context import Inside
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.peer import Peer, start_message

peer = Peer()
inside = Inside.of(start_message(Path(sys.argv[1]) / "job"), "ada", peer.link)
context.enter_process(inside)
job_logging.install()
answer = None
"""

_AFTER = """
logging.shutdown()
peer.close()
Path(sys.argv[1], "told.json").write_text(json.dumps({
    "records": [[said.stream, said.level, said.logger, said.text] for said in peer.logged],
    "saves": len(peer.saves),
    "progress": peer.progress,
    "answer": answer,
}))
"""


def run_as_child(folder: Path, program: str) -> SimpleNamespace:
    """Run a program inside an attempt, and return what it said and wrote.

    Returns:
        `records` (stream, level, logger, text), `saves` (how many), `progress`, `answer` (what the program
        put into that name), `out` and `err`.
    """
    whole = _BEFORE + dedent(program) + _AFTER
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", whole, folder],
        capture_output=True, text=True, check=False, timeout=30, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads((folder / "told.json").read_text())
    told["records"] = [tuple(record) for record in told["records"]]
    return SimpleNamespace(**told, out=done.stdout, err=done.stderr)
