"""The public signatures are what type checkers see."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_mypy_agrees_with_every_line_of_the_signatures(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--no-error-summary"),
            *("--cache-dir", os.devnull, "--follow-imports", "silent"),
            str(ROOT / "tests/typing/public_signatures.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout + done.stderr
