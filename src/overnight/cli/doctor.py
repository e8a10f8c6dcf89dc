"""`overnight doctor`: what is in use, where it comes from, and what is unsafe."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import psutil
from rich.table import Table
from rich.text import Text

from overnight.app import App
from overnight.cli.endings import Exit
from overnight.cli.opening import has_store, json_option, live_workers, no_store, open_app, settings_of
from overnight.cli.terminal import clean, draw, put, put_json
from overnight.cli.versions import versions
from overnight.errors import OvernightError
from overnight.settings import Settings
from overnight.store import sqlite
from overnight.store.space import LOW_WATER
from overnight.units import format_duration, format_size

#: File systems on which SQLite's locks and shared memory do not work between machines.
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "lustre", "afs"}


class Finding(msgspec.Struct, frozen=True):
    """Something that is unsafe, and what to do about it."""

    what: str
    cure: str


@click.command()
@click.option(
    "--verify", is_flag=True, help="Check the promises of the store on its own data; exit 1 if one is broken."
)
@json_option("Print everything as JSON.")
@click.pass_context
def doctor(ctx: click.Context, *, verify: bool, as_json: bool) -> int:
    """Say what is in use, where settings come from, and what is unsafe."""
    settings = settings_of(ctx)
    if verify:
        return _verify(ctx, settings, as_json=as_json)
    sections: dict[str, Any] = {
        "program": versions(),
        "settings": {name: {"value": value, "origin": origin} for name, value, origin in _settings(settings)},
        "home": _home(settings.home),
        "sqlite": _sqlite(),
    }
    findings = [*_unsafe_home(settings.home), *_unsafe_sqlite()]
    if has_store(settings):
        try:
            with open_app(ctx) as app:
                sections["workers"] = _workers(app)
        except OvernightError as wrong:
            findings.append(Finding(wrong.message, wrong.hint or "look at the file and its folder"))
    sections["unsafe"] = [msgspec.to_builtins(finding) for finding in findings]
    if as_json:
        put_json(sections)
    else:
        _print(sections, findings)
    return Exit.OK


def _verify(ctx: click.Context, settings: Settings, *, as_json: bool) -> int:
    from overnight.store.verify import verify

    if not has_store(settings):
        raise no_store(settings)
    with open_app(ctx) as app:
        violations = verify(app.store)
    if as_json:
        put_json([msgspec.to_builtins(it) for it in violations])
    else:
        for it in violations:
            put(clean(f"✘ {it.invariant}  {it.job or ''}  {it.message}"))
        if not violations:
            put(f"✔ {settings.home}: every invariant holds")
    return Exit.ERROR if violations else Exit.OK


COMMANDS = {"doctor": doctor}


# -- what there is -----------------------------------------------------------------------------------


def _settings(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    for name, origin in settings.origins.items():
        value = getattr(settings, name)
        match name:
            case "memory_budget":
                value = format_size(value)
            case "lease":
                value = format_duration(value)
            case "home":
                value = str(value)
        yield name, list(value) if isinstance(value, tuple) else value, origin


def _home(home: Path) -> dict[str, Any]:
    place = _existing(home)
    usage = shutil.disk_usage(place)
    return {
        "path": str(home),
        "exists": home.exists(),
        "file_system": _file_system(place),
        "permissions": {name: oct(mode) for name, mode in _modes(home)},
        "free": format_size(usage.free),
        "database": {it.name: format_size(it.stat().st_size) for it in sorted(home.glob("*.db*"))},
    }


def _existing(path: Path) -> Path:
    """Return the nearest folder upward that is there."""
    return next((it for it in (path, *path.parents) if it.exists()), Path("/"))


def _file_system(path: Path) -> str:
    """Return the kind of the file system on which a path lies: "ext4"."""
    mounts = [it for it in psutil.disk_partitions(all=True) if path.is_relative_to(it.mountpoint)]
    return max(mounts, key=lambda it: len(it.mountpoint)).fstype if mounts else "unknown"


def _modes(home: Path) -> Iterator[tuple[str, int]]:
    for path in (home, *sorted(home.glob("*.db*"))):
        try:
            yield path.name, stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue  # it went away between two looks, as the files beside a database do


def _sqlite() -> dict[str, Any]:
    return {
        "module": sqlite.DRIVER_NAME,
        "version": ".".join(map(str, sqlite.VERSION)),
        "free_of_wal_reset_bug": sqlite.CHECKPOINTS_ITSELF,
    }


def _workers(app: App) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "pid": row.pid,
            "slots": row.slots,
            "queues": row.queues,
            "leaving": row.leaving,
            "sources": {
                key: "broken" if served.broken else f"{len(served.tasks)} tasks"
                for key, served in row.sources.items()
            },
        }
        for row in live_workers(app)
    ]


# -- what is unsafe ----------------------------------------------------------------------------------


def _unsafe_home(home: Path) -> Iterator[Finding]:
    place = _existing(home)
    kind = _file_system(place)
    if kind in _NETWORK:
        yield Finding(
            f"{home} lies on a network file system ({kind}), where locks do not hold",
            "choose a folder on a local disk: OVERNIGHT_HOME=/var/lib/overnight",
        )
    if kind in {"tmpfs", "ramfs"}:
        yield Finding(f"{home} lies in memory ({kind}): a reboot loses all jobs", "choose a folder on a disk")
    for name, mode in _modes(home):
        if mode & 0o077:
            yield Finding(f"others may read or write {name} ({oct(mode)})", f"chmod go= {home} {home}/*.db*")
            break
    if not os.access(place, os.W_OK):
        yield Finding(f"{place} cannot be written by this user", "choose another home: OVERNIGHT_HOME")
    if (free := shutil.disk_usage(place).free) < LOW_WATER:
        yield Finding(
            f"{format_size(free)} are free under {home}; below {format_size(LOW_WATER)} jobs may be refused",
            "make room there",
        )


def _unsafe_sqlite() -> Iterator[Finding]:
    if not sqlite.CHECKPOINTS_ITSELF:
        yield Finding(
            f"SQLite {'.'.join(map(str, sqlite.VERSION))} of {sqlite.DRIVER_NAME} has the WAL-reset bug: it "
            "may damage a database; overnight keeps all writers out while it checkpoints",
            "pip install pysqlite3, where there is a wheel, or use a Python with SQLite 3.51.3 or newer",
        )


# -- on a terminal -----------------------------------------------------------------------------------


def _print(sections: dict[str, Any], findings: list[Finding]) -> None:
    for title, content in sections.items():
        if title == "unsafe":
            continue
        put(title)
        draw(_table(title, content))
        put("")
    if not findings:
        put("✔ nothing unsafe was found")
    for finding in findings:
        put(f"✘ {clean(finding.what)}\n  cure: {clean(finding.cure)}")


def _table(title: str, content: Any) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    if title == "workers":
        if not content:
            table.add_row("  none", "")
        for row in content:
            sources = ", ".join(f"{key} ({words})" for key, words in row["sources"].items())
            table.add_row(
                f"  {row['id'][:8]}", Text(clean(f"process {row['pid']}, {row['slots']} at once: {sources}"))
            )
        return table
    for name, value in content.items():
        if title == "settings":
            table.add_row(
                f"  {name}", Text(clean(str(value["value"]))), Text(f"({value['origin']})", style="dim")
            )
        else:
            words = (
                ", ".join(f"{key} {it}" for key, it in value.items())
                if isinstance(value, dict)
                else str(value)
            )
            table.add_row(f"  {name}", Text(clean(words)))
    return table
