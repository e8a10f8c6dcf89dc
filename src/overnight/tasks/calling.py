"""A task, and the ways to call it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, Unpack

from msgspec.structs import replace

from overnight.codec import Signature
from overnight.errors import BadInput, BadOption, Refused
from overnight.handle import JobHandle, Keeper
from overnight.jobs import Call
from overnight.options import CALL_OPTIONS, TASK_OPTIONS, CallOptions, Options, merge
from overnight.retrying import class_name
from overnight.sources import Source, is_importing

P = ParamSpec("P")
C = TypeVar("C")  #: what a direct call gives: the result, or a coroutine of it
R = TypeVar("R")  #: the result


class Task(Generic[P, C, R]):
    """A function that can become jobs. It can still be called as before.

    Attributes:
        function: the function itself.
        name: by which workers find it, together with `source`: "talks.transcribe".
        source: the file or module that it comes from.
        options: how its jobs are run.
        signature: its arguments and its result as JSON.
        is_declared: somebody wrote `@task`; plain public functions of a file are tasks without it.
    """

    def __init__(
        self,
        function: Callable[P, Any],
        *,
        name: str,
        source: Source,
        options: Options,
        is_declared: bool = True,
        keeper: Keeper | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name
        self.source = source
        retry_on = tuple(map(self._named_by_source, options.retry_on))
        self.options = options if retry_on == options.retry_on else replace(options, retry_on=retry_on)
        self.is_declared = is_declared
        self.signature = Signature(function, name)
        self._keeper = keeper

    def name_of(self, kind: type) -> str:
        """Return the name by which `retry_on` knows an exception class: the same here and in every worker."""
        return self._named_by_source(class_name(kind))

    def _named_by_source(self, name: str) -> str:
        # A file that is run as a program is `__main__` there, and may have another name in a worker.
        module = self.function.__module__
        if module == self.source.module or not name.startswith(f"{module}."):
            return name
        return self.source.module + name.removeprefix(module)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> C:
        """Call the function here and now, as if it were no task."""
        result: C = self.function(*args, **kwargs)
        return result

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Ask for a job: it exists, durably, when this returns.

        Raises:
            BadInput: the arguments do not fit the signature.
            StoreError: the store cannot take it.
        """
        return self._submit([self.signature.pack(args, kwargs)])[0]

    async def submit_async(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Do as `submit` does, without holding up the event loop."""
        return await asyncio.to_thread(self.submit, *args, **kwargs)

    def submit_many(self, calls: Iterable[Mapping[str, Any]]) -> list[JobHandle[R]]:
        """Ask for many jobs at once, all or none.

        Args:
            calls: The arguments of each, by name.

        Raises:
            BadInput: the arguments of a call do not fit; it says of which.
            StoreError: the store cannot take them.
        """
        packed = []
        for at, values in enumerate(calls):
            try:
                packed.append(self.signature.pack_values(values))
            except BadInput as wrong:
                message = f"call {at}: {wrong.message}"
                raise BadInput(message, field=wrong.field, hint=wrong.hint) from None
        return self._submit(packed)

    def with_options(self, *, app: Keeper | None = None, **options: Unpack[CallOptions]) -> Task[P, C, R]:
        """Return the same task with other options, for the jobs that are submitted with it.

        Args:
            app: The application whose store its jobs go to, in programs with two.
            **options: What differs from the task's own.

        Raises:
            BadOption: there is no such option for a call, or it does not take that value.
        """
        for option in options.keys() & (TASK_OPTIONS - CALL_OPTIONS):
            raise BadOption(
                f"option {option!r} belongs to the task, not to a call of it",
                hint=f"write @task({option}=...) above the function",
            )
        changed: Task[P, C, R] = Task(
            self.function,
            name=self.name,
            source=self.source,
            options=merge(self.options, options),
            is_declared=self.is_declared,
            keeper=app or self._keeper,
        )
        changed.signature = self.signature  # what is built of it is built once
        return changed

    def _submit(self, inputs: list[bytes]) -> list[JobHandle[R]]:
        if is_importing(self.function):
            raise Refused(
                f"{self.name} is submitted while {self.source.words} is being imported; "
                "every worker that imports it would submit it again",
                hint='put the call under: if __name__ == "__main__":',
            )
        keeper = self._keeper or default_keeper()
        calls = [
            Call(task=self.name, source=self.source.key, options=self.options, input=data) for data in inputs
        ]
        read = self.signature.unpack_result
        return [JobHandle(keeper, job_id, read_result=read) for job_id in keeper.submit(calls)]

    def __repr__(self) -> str:
        return f"<task {self.name} of {self.source.key}>"

    def __reduce__(self) -> str:
        return self.function.__qualname__  # pickled by its name, as functions are

    if not TYPE_CHECKING:  # for type checkers there are no other attributes

        def __getattr__(self, name: str) -> NoReturn:
            if name in _FOREIGN_DOORS:
                raise AttributeError(f"a task has no .{name}(); here it is called {_FOREIGN_DOORS[name]}")
            raise AttributeError(f"a task has no attribute {name!r}")


#: How other systems start a job.
_FOREIGN_DOORS = {
    **dict.fromkeys(("delay", "send", "enqueue", "defer", "kiq", "start", "spawn"), ".submit(...)"),
    **dict.fromkeys(
        ("apply_async", "send_with_options", "enqueue_in", "enqueue_at", "schedule", "configure", "options"),
        ".with_options(...).submit(...)",
    ),
    **dict.fromkeys(("defer_async", "enqueue_async"), ".submit_async(...)"),
    **dict.fromkeys(("s", "si", "signature_of", "map", "starmap", "batch_defer"), ".submit_many(...)"),
}


_open_keeper: Callable[[], Keeper] | None = None


def set_keeper(factory: Callable[[], Keeper]) -> None:
    """Say where calls go that name no application; asked at each submit."""
    global _open_keeper  # noqa: PLW0603 - one door for the process, set by the package itself
    _open_keeper = factory


def offer_keeper(factory: Callable[[], Keeper]) -> None:
    """Say where such calls go, unless somebody said so before."""
    if _open_keeper is None:
        set_keeper(factory)


def default_keeper() -> Keeper:
    """Return where calls go that name no application.

    Raises:
        Refused: nobody said so; `from overnight import task` does.
    """
    if _open_keeper is None:
        raise Refused(
            "no application takes calls here",
            hint="import tasks from the package: from overnight import task",
        )
    return _open_keeper()
