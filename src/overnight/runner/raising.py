"""What a child tells of an exception that ended its function."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec

from overnight.errors import GiveUp, OvernightError, ResultRefused, Retry, Snooze, Stopped, describe, hint_of
from overnight.inside.messages import Raised, speakable
from overnight.options import Options
from overnight.retrying import class_name, is_retried

#: What is longer keeps both its ends, in characters. Of a traceback: where it began and what was raised.
_LONGEST_TRACEBACK = 65536
_LONGEST_MESSAGE = 4096

#: What runs out of memory in words of its own: torch's allocator, TensorFlow's, C++, a thread's stack.
_OUT_OF_MEMORY = (
    "allocate memory", "out of memory", "bad_alloc", "ResourceExhausted", "can't start new thread",
)  # fmt: skip

_OURS = str(Path(__file__).parent.parent)


def refused(error: BaseException) -> Raised:
    """Tell of an attempt whose function was not even called: trying again would not help."""
    return Raised(
        type=_type_name(error), message=_message(error), traceback="", hint=hint_of(error), retried=False
    )


def tell(error: BaseException, options: Options, name_of: Callable[[type], str] = class_name) -> Raised:
    """Tell of an exception that the function raised, or that its result caused.

    Args:
        error: the exception.
        options: the job's, with what it counts as worth another attempt.
        name_of: gives the names by which those are known.
    """
    kind = type(error)
    told = Raised(
        type=_type_name(error),
        message=_message(error),
        traceback=traceback_text(error),
        hint=hint_of(error),
        retried=is_retried(kind, options.retry_on, name_of=name_of),
    )
    match error:
        case Stopped():
            return _with(told, stopped=error.why, retried=False)
        case Snooze() if options.at_most_once:
            hint = "leave at_most_once out, or end the job and submit a new one with delay="
            message = "a task with at_most_once has one start, so it cannot snooze"
            return _with(told, message=message, hint=hint, retried=False)
        case Snooze():
            return _with(told, snooze=error.wait)
        case Retry():
            return _with(told, after=error.after, retried=True)
        case GiveUp():
            return _with(told, retried=False)
        case ResultRefused():
            return _with(told, traceback="", retried=False)  # it was raised by us, after the function
        case SystemExit():
            message = f"the task called sys.exit({error.code!r})"
            return _with(told, message=message, hint="return, or raise GiveUp", retried=False)
        case MemoryError():
            return _with(told, memory=options.memory is not None)
        case _ if options.memory is not None and _speaks_of_memory(told):
            return _with(told, memory=True)
        case _:
            return told


def traceback_text(error: BaseException) -> str:
    """Return an exception's traceback from the user's first frame on, whatever its `__str__` does."""
    shown = error.__traceback__
    while shown is not None and shown.tb_frame.f_code.co_filename.startswith(_OURS):
        shown = shown.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, shown or error.__traceback__))
    except Exception as broken:  # a chained exception can break the formatting in its own ways
        text = f"{type(error).__name__}: its traceback cannot be shown ({type(broken).__name__})\n"
    return speakable(_shortened(text, _LONGEST_TRACEBACK))


def _message(error: BaseException) -> str:
    text = error.message if isinstance(error, OvernightError) else describe(error)
    return speakable(_shortened(text, _LONGEST_MESSAGE))


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _type_name(error: BaseException) -> str:
    return class_name(type(error)).removeprefix("builtins.")


def _speaks_of_memory(told: Raised) -> bool:
    return any(words in told.message or words in told.type for words in _OUT_OF_MEMORY)


def _with(told: Raised, **changes: object) -> Raised:
    return msgspec.structs.replace(told, **changes)
