"""Where tasks come from: a file, or a module of a package; how it is named, and how it is loaded.

The key of a source is kept with every job, so that any worker on the machine can find the code again: the
absolute path of a file, or the folder that must be importable and the module in it, `/srv/shop::app.tasks`.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import re
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NamedTuple

import msgspec

from overnight.errors import BadTask, NotFound, SourceBroken, describe

#: The names under which Python runs a program: as started, and in a child of multiprocessing.
MAIN_NAMES = ("__main__", "__mp_main__")

_INSTALLED = {"site-packages", "dist-packages"}
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_NOT_IN_NAMES = re.compile(r"\W")


class FileState(NamedTuple):
    """A file as it was: when one of the three differs, it has changed. A file that is gone has size -1."""

    path: str
    mtime_ns: int
    size: int


class Source(msgspec.Struct, frozen=True):
    """A module with tasks.

    Attributes:
        root: the folder that stands on `sys.path` while it is loaded.
        module: the module's name below the root: "talks", "app.tasks".
        file: its file, where it is known by its file; None for a module of a package.
    """

    root: str
    module: str
    file: str | None = None

    @property
    def key(self) -> str:
        """The text that is kept with a job: the file, or root and module."""
        return self.file if self.file is not None else f"{self.root}::{self.module}"

    @property
    def words(self) -> str:
        """What a person would type to name it: a path, or a dotted name."""
        return self.file if self.file is not None else self.module

    @classmethod
    def parse(cls, key: str) -> Source:
        """Return the source of a key."""
        root, separator, module = key.rpartition("::")
        if separator and os.sep not in module:
            return cls(root, module)
        return cls(str(Path(key).parent), _module_name(Path(key)), key)

    @classmethod
    def at(cls, file: Path, module: str | None = None) -> Source:
        """Return the source of a file.

        Args:
            file: It exists.
            module: The dotted name under which it was imported, if it was; that is how a package without
                `__init__.py` is known.
        """
        file = file.resolve()
        folder, names = file.parent, [] if file.name == "__init__.py" else [file.stem]
        while (folder / "__init__.py").exists():
            names.insert(0, folder.name)
            folder = folder.parent
        named = module.split(".") if module else []
        if len(named) > len(names) and _ends_with(file, named):
            names, folder = named, file.parents[len(named) - (file.name != "__init__.py")]
        if len(names) > 1 or file.name == "__init__.py":
            return cls(str(folder), ".".join(names))
        return cls(str(folder), _module_name(file), str(file))

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Source:
        """Return the source of a function.

        Raises:
            BadTask: it was typed into a REPL or a notebook, or its module has no file.
        """
        function = inspect.unwrap(function)
        names = function.__globals__
        spec = names.get("__spec__")
        name = names.get("__name__", "")
        path = names.get("__file__")
        is_typed = function.__code__.co_filename.startswith(
            "<"
        )  # "<stdin>": typed after `python -i talks.py`
        if path is None or is_typed or not Path(path).is_file():
            where = "a REPL or a notebook" if name in MAIN_NAMES else f"module {name!r}, which has no file"
            raise BadTask(
                f"{function.__qualname__} comes from {where}: no worker could find it by its name",
                hint="write it into a file (in a notebook: %%writefile tasks.py) and import it from there",
            )
        if (
            name in MAIN_NAMES
        ):  # `python -m app.tasks` has a spec that tells the name, `python talks.py` has none
            name = spec.name if spec is not None else ""
        return cls.at(Path(path), name)

    @classmethod
    def named(cls, text: str, cwd: Path) -> Source:
        """Return the source that a person names: "talks.py", "jobs/talks.py", "app.tasks".

        Raises:
            NotFound: there is no such file or module.
        """
        if text.endswith(".py") or os.sep in text:
            file = (cwd / Path(text).expanduser()).resolve()
            if not file.is_file():
                hint: str | None
                near = get_close_matches(file.name, [it.name for it in file.parent.glob("*.py")], n=1)
                hint = f"did you mean {near[0]}?" if near else f"paths are taken from {cwd}"
                if file.is_dir():
                    hint = "a folder is no module; a package is named with dots: app.tasks"
                raise NotFound(f"there is no file {file}", hint=hint)
            return cls.at(file)
        found = _find_module(text, [str(cwd), *sys.path])
        if found is None:
            is_file = (cwd / f"{text}.py").exists()
            hint = f"a file is named with its .py: {text}.py" if is_file else None
            hint = hint or "it is looked for in the current directory and where Python looks for modules"
            raise NotFound(f"there is no module {text!r}", hint=hint)
        return cls.at(found, text)

    def load(self) -> ModuleType:
        """Import the source, or return it as it was imported before.

        Raises:
            SourceBroken: its own code fails; the traceback is that of its author.
        """
        with _loading():
            try:
                return _load_file(self) if self.file is not None else _load_module(self)
            except (Exception, SystemExit) as wrong:
                raise _broken(self, wrong) from wrong

    def files(self) -> list[FileState]:
        """Return the files that the source consists of: its own, and those under its root imported so far.

        Installed packages and the standard library do not change under a running worker, and are left out.
        """
        root = Path(self.root)
        if _INSTALLED & set(root.parts):
            root /= self.module.partition(".")[0]
        paths = {self.file} if self.file is not None else set()
        for name, module in list(sys.modules.items()):
            if name in MAIN_NAMES:
                continue  # whoever loads the source; the source itself is known by its file
            path = getattr(module, "__file__", None)
            if isinstance(path, str):
                paths.add(path)
        return [_state_of(path) for path in sorted(paths) if _belongs_to(path, root)]

    def own_file(self) -> FileState | None:
        """Return the state of the source's own file; None for a module that is not there."""
        file = self.file if self.file is not None else _find_module(self.module, [self.root])
        return None if file is None else _state_of(str(file))

    def files_to_mend(self, wrong: BaseException) -> list[FileState]:
        """Return the files of which one has to change before an import that failed can succeed.

        Besides those that were imported, whose own modules are gone again from where Python keeps them: the
        files that the error went through. For a module that was not found, the folder in which it may appear.
        """
        paths = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(wrong.__traceback__)}
        if isinstance(wrong, SyntaxError) and wrong.filename:
            paths.add(wrong.filename)
        if isinstance(wrong, ModuleNotFoundError):
            paths.add(self.root)
        own = self.own_file()
        states = [*self.files(), *([own] if own is not None else [])]
        states += [_state_of(path) for path in paths if _belongs_to(path, Path(self.root))]
        return sorted(set(states))


def _module_name(file: Path) -> str:
    """Return an importable name for a file: its stem, if that is one."""
    name = _NOT_IN_NAMES.sub("_", file.stem)
    return name if name.isidentifier() else f"_{name}"


def _ends_with(file: Path, names: list[str]) -> bool:
    parts = file.parent.parts if file.name == "__init__.py" else (*file.parent.parts, file.stem)
    return list(parts[-len(names) :]) == names


def _find_module(name: str, path: list[str]) -> Path | None:
    """Find a module's file without importing its packages."""
    spec = None
    for part in name.split("."):
        spec = importlib.machinery.PathFinder.find_spec(part, path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec is not None and spec.origin and spec.has_location else None


def _state_of(path: str) -> FileState:
    try:
        found = Path(path).stat()
    except OSError:
        return FileState(path, 0, -1)
    return FileState(path, found.st_mtime_ns, found.st_size)


def _belongs_to(path: str, root: Path) -> bool:
    file = Path(path)
    if not file.is_relative_to(root) or path.startswith(_STDLIB):
        return False
    return not _INSTALLED & set(file.relative_to(root).parts)


# -- loading ---------------------------------------------------------------------------------------------


class _Here(threading.local):
    """What this thread is about: an import runs in the thread that asked for it."""

    loading = 0


_here = _Here()


@contextmanager
def _loading() -> Iterator[None]:
    _here.loading += 1
    try:
        yield
    finally:
        _here.loading -= 1


def is_importing(function: Callable[..., Any]) -> bool:
    """Say whether the module of a function is being imported now, by us, by Python, or by multiprocessing."""
    spec = inspect.unwrap(function).__globals__.get("__spec__")
    if _here.loading or getattr(spec, "_initializing", False):
        return True
    # A spawned child that imports its parent's program first: multiprocessing knows it by this very flag.
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and getattr(processes.current_process(), "_inheriting", False)


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Reads the file itself: compiled code is known by second and size, and an edit may change neither."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the import system's signature
        return self.source_to_code(self.get_data(self.path), self.path)


def _load_file(source: Source) -> ModuleType:
    assert source.file is not None
    for name in (source.module, *MAIN_NAMES):
        known = sys.modules.get(name)
        if known is not None and _is_file_of(known, source.file):
            return known
    name = source.module
    if name in sys.modules or name in sys.stdlib_module_names:
        # A file may be called `queue.py`; whoever imports `queue` still gets Python's.
        name = f"{name}_{sha256(source.file.encode()).hexdigest()[:8]}"
        if name in sys.modules:
            return sys.modules[name]
    _put_first(source.root)
    spec = importlib.util.spec_from_file_location(name, source.file, loader=_FreshLoader(name, source.file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return sys.modules[name]


def _is_file_of(module: ModuleType, file: str) -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and os.path.realpath(path) == file


def _load_module(source: Source) -> ModuleType:
    _put_first(source.root)
    importlib.invalidate_caches()
    module = importlib.import_module(source.module)
    path = getattr(module, "__file__", None)
    if path is None or not Path(path).resolve().is_relative_to(source.root):
        raise ImportError(f"{source.module} was found at {path}, not under {source.root}")
    return module


def _put_first(root: str) -> None:
    if sys.path[:1] != [root]:
        sys.path.insert(0, root)


def _broken(source: Source, wrong: BaseException) -> SourceBroken:
    """Tell what is wrong with a source in its author's terms: without our frames, and without importlib's."""
    frames: TracebackType | None = wrong.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    told = "".join(traceback.format_exception(type(wrong), wrong, frames))
    what = f"{type(wrong).__name__}: {describe(wrong).partition(chr(10))[0]}"
    if isinstance(wrong, SystemExit):
        what = f"it calls sys.exit({wrong.code!r}) while it is imported"
    hint = "fix the file; jobs that wait for it start when it can be imported"
    return SourceBroken(f"{source.words} cannot be imported: {what}", traceback=told, hint=hint)


def _is_ours(file: str) -> bool:
    return file in {__file__, importlib.__file__} or file.startswith("<frozen importlib")
