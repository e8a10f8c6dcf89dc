"""Small disks, and disks that cannot be written, for programs that run in a file system of their own.

A program is run in a mount namespace, as root of a user namespace where that is needed and allowed; what is
mounted there is not seen outside, and is gone when the program has ended.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_on_a_disk_of_its_own(place: Path, size: str, code: str) -> str:
    """Run Python code in a folder that is a disk of this size; return what it printed.

    Raises:
        AssertionError: it failed, or no disk can be made here.
    """
    unshare = shutil.which("unshare")
    assert unshare, "these tests need `unshare`, of util-linux"
    place.mkdir(exist_ok=True)
    enter = [unshare, "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        enter += ["--user", "--map-root-user"]
    script = f'mount -t tmpfs -o size={size} small "$1" && cd "$1" && exec "$2" -c "$3"'
    done = subprocess.run(
        [*enter, "sh", "-c", script, "sh", str(place), sys.executable, code],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, (
        f"a disk of its own needs root or user namespaces:\n{done.stdout}{done.stderr}"
    )
    return done.stdout
