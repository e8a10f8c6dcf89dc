"""What stands in for a job where none runs: bars in the terminal, and a temporary folder."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from overnight.inside.showing import Bar

#: How often bars are drawn, in seconds; tqdm's own pace.
_DRAW_EVERY = 0.1


@cache
def directory() -> Path:
    """Return the temporary folder of this process; it is removed when the process ends."""
    path, owner = Path(tempfile.mkdtemp(prefix="overnight-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # and not in a fork, which inherits what runs at exit
            shutil.rmtree(path, ignore_errors=True)

    atexit.register(remove)
    return path


def draws() -> bool:
    """Whether there is somebody to draw for: a terminal, or a notebook."""
    stream = sys.stderr
    return (stream is not None and stream.isatty()) or _is_notebook()


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def _tqdm(**options: Any) -> Any:
    # Imported at the first bar: it costs 70 ms, and jobs and tests draw none.
    if _is_notebook():
        from tqdm.auto import tqdm  # noqa: PLC0415
    else:
        from tqdm.std import tqdm  # type: ignore[assignment]  # noqa: PLC0415
    return tqdm(**options)


class Terminal:
    """Draws loops as tqdm does, from a thread of its own: the loops only count."""

    def __init__(self) -> None:
        self._drawn: dict[Bar, Any] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self, bar: Bar) -> None:
        """Draw a loop from now on; an inner one only if it lasts."""
        with self._lock:
            self._drawn[bar] = _tqdm(
                total=bar.total,
                desc=bar.name,
                unit=bar.unit,
                mininterval=0,
                miniters=0,
                leave=None,
                delay=_DRAW_EVERY if self._drawn else 0,
            )
            if self._thread is None:
                self._thread = threading.Thread(target=self._draw, name="overnight-bars", daemon=True)
                self._thread.start()

    def close(self, bar: Bar) -> None:
        """Draw a loop for the last time."""
        bar.freeze()
        with self._lock:
            drawn = self._drawn.pop(bar, None)
            if drawn is not None:
                drawn.update(bar.read() - drawn.n)
                drawn.close()

    def forget(self) -> None:
        """Begin anew in a fork: the thread is not here, and the bars are its parent's."""
        self._drawn = {}
        self._lock = threading.Lock()
        self._thread = None

    def _draw(self) -> None:
        while True:
            time.sleep(_DRAW_EVERY)
            with self._lock:
                if not self._drawn:
                    self._thread = None
                    return
                for bar, drawn in self._drawn.items():
                    drawn.update(bar.read() - drawn.n)


terminal = Terminal()
os.register_at_fork(after_in_child=terminal.forget)

_said: Any = None


def show(done: float | None, total: float | None, message: str | None) -> None:
    """Draw what a function says of its progress as a bar of its own."""
    global _said  # noqa: PLW0603 -- one terminal, one bar for it
    if _said is None:
        if not draws():
            return
        _said = _tqdm(total=total)
    if total is not None:
        _said.total = total
    if message is not None:
        _said.set_description_str(message, refresh=False)
    _said.update((_said.n if done is None else done) - _said.n)
    if done is not None and total is not None and done >= total:
        _said.close()
        _said = None
