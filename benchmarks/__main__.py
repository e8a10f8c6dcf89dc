"""Run the benchmarks: `python -m benchmarks [NAME…] [--quick] [--no-peers] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from benchmarks.apart import STORES, measure_apart
from benchmarks.machine import describe
from benchmarks.peers import Celery, NoPeer

NAMES = ("drain", "submit", "latency", "track", "recovery", "startup", "idle")


def main() -> None:
    """Run what is asked for, print it, and keep it if a file is named."""
    given = _arguments()
    console = Console(width=120)
    STORES.mkdir(exist_ok=True)
    celery = None if given.no_peers else _find_celery(console)
    facts = describe(STORES, celery)
    for name, fact in facts.items():
        console.print(f"[dim]{name:>10}[/dim]  {fact}", highlight=False)
    tables = {}
    try:
        for name in given.names or NAMES:
            tables[name] = measure_apart(name, celery, is_quick=given.quick)
            console.print()
            console.print(tables[name].draw(name))
    finally:
        if celery is not None:
            celery.call("clear")
    if given.json is not None:
        found = {name: table.to_json() for name, table in tables.items()}
        given.json.write_text(json.dumps({"machine": facts, "tables": found}, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="How fast overnight is, beside its peers."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", type=_name, help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="show that it works; the figures mean nothing")
    parser.add_argument("--no-peers", action="store_true", help="measure overnight alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every value of every round")
    return parser.parse_args()


def _name(word: str) -> str:
    if word not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no {word!r}; there are {', '.join(NAMES)}")
    return word


def _find_celery(console: Console) -> Celery | None:
    try:
        return Celery()
    except NoPeer as why:
        console.print(f"[yellow]{why}[/yellow]", highlight=False)
        return None


if __name__ == "__main__":
    main()
