"""`overnight version`, and the versions of what it stands on."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import click

from overnight.cli.terminal import put, put_json

#: The libraries whose versions matter when something goes wrong.
_LIBRARIES = ("alembic", "click", "msgspec", "psutil", "pydantic", "rich", "sqlalchemy")


def versions() -> dict[str, str]:
    """Return the versions of overnight, Python and the libraries, and what machine this is."""
    found = {
        "overnight": version("overnight"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
    }
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@click.command(name="version")
@click.option("--json", "as_json", is_flag=True, help="Print the versions of Python and the libraries, too.")
def print_version(*, as_json: bool) -> None:
    """Print the version."""
    if as_json:
        put_json(versions())
    else:
        put(f"overnight {version('overnight')}")


COMMANDS = {"version": print_version}
