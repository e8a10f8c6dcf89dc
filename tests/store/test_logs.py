"""Lines of a job's log: in order, numbered within their attempt, capped, never in the way."""

import logging
import threading

import pytest

from overnight.store import Store, lines, logs, open_store
from overnight.store.logs import Line, LineKey


def line(text: str, **fields: object) -> Line:
    return Line(**{"at": 1.0, "stream": "stdout", "text": text} | fields)  # type: ignore[arg-type]


def texts(store: Store, job: str = "j1", **filters: object) -> list[str]:
    return [it.text for it in store.logs.lines(job, **filters)]  # type: ignore[arg-type]


def test_lines_come_back_as_they_were_with_their_places(store: Store) -> None:
    wanted = [
        line("plain"),
        line("to the other", stream="stderr", at=2.5),
        line("careful", stream="log", level=logging.WARNING, logger="talks.audio"),
        line("NUL \0, a half \ud800, 🎙, \x1b[31mred"),
        line(""),
    ]
    store.logs.append("j1", 1, wanted)
    store.logs.flush()
    kept = store.logs.lines("j1")
    assert [it.key for it in kept] == [LineKey(1, n) for n in range(1, 6)]
    assert [(it.at, it.stream, it.level, it.logger) for it in kept] == [
        (it.at, it.stream, it.level, it.logger) for it in wanted
    ]
    assert [it.text for it in kept][:3] == [it.text for it in wanted][:3]
    assert "🎙, \x1b[31mred" in kept[3].text


def test_lines_are_kept_apart_by_job_and_attempt(store: Store) -> None:
    for job, attempt in (("j1", 2), ("j2", 1), ("j1", 1), ("j1", 2)):
        store.logs.append(job, attempt, [line(f"{job}.{attempt}")])
    store.logs.flush()
    assert texts(store) == ["j1.1", "j1.2", "j1.2"]
    assert texts(store, attempt=1) == ["j1.1"]
    assert texts(store, attempt=2) == ["j1.2", "j1.2"]
    assert texts(store, attempt=3) == texts(store, "j3") == []


def test_a_log_is_read_page_by_page(store: Store) -> None:
    for attempt in (1, 2):
        for begin in range(0, 300, 100):
            store.logs.append("j1", attempt, [line(f"{attempt}:{begin + n}") for n in range(100)])
            store.logs.flush()
    read, after = [], None
    while page := store.logs.lines("j1", after=after, limit=70):
        assert len(page) <= 70
        read += page
        after = page[-1].key
    assert [it.text for it in read] == [f"{attempt}:{n}" for attempt in (1, 2) for n in range(300)]
    assert texts(store, after=LineKey(1, 298)) == ["1:298", "1:299", *(f"2:{n}" for n in range(300))]


def test_numbers_go_on_after_the_store_was_closed(store: Store) -> None:
    store.logs.append("j1", 1, [line("before")])
    store.close()
    again = open_store(store.home)
    again.logs.append("j1", 1, [line("after")])
    again.logs.flush()
    assert [(it.n, it.text) for it in again.logs.lines("j1")] == [(1, "before"), (2, "after")]
    again.close()


def test_what_was_appended_is_there_when_flushed_says_so(store: Store) -> None:
    for n in range(20):
        store.logs.append("j1", 1, [line(str(n))])
        store.logs.flushed().result(timeout=10)
        assert texts(store)[-1] == str(n)


def test_lines_reach_the_store_without_a_flush(store: Store) -> None:
    from tests.waiting import until  # noqa: PLC0415

    store.logs.append("j1", 1, [line("by itself")])
    until(lambda: texts(store) == ["by itself"])


def test_a_job_without_lines_has_none_and_flushing_nothing_is_done_at_once(store: Store) -> None:
    assert store.logs.flushed().done()
    assert texts(store) == []


def test_many_threads_may_append(store: Store) -> None:
    def append(attempt: int) -> None:
        for n in range(200):
            store.logs.append("j1", attempt, [line(str(n))])

    threads = [threading.Thread(target=append, args=(n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.logs.flush()
    for attempt in (1, 2, 3):
        assert texts(store, attempt=attempt) == [str(n) for n in range(200)]


def test_lines_of_megabytes_are_kept(store: Store) -> None:
    store.logs.append("j1", 1, [line("x" * 3_000_000), line("short")])
    store.logs.flush()
    assert [len(text) for text in texts(store)] == [3_000_000, 5]


def test_beyond_the_cap_lines_are_dropped_and_a_line_says_how_many(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lines.write.__kwdefaults__, "cap", 10_000)  # type: ignore[arg-type]
    for _ in range(3):
        store.logs.append("j1", 1, [line("x" * 984) for _ in range(6)])
        store.logs.flush()
    kept = store.logs.lines("j1")
    assert [len(it.text) for it in kept[:-1]] == [984] * 10
    told = kept[-1]
    assert (told.n, told.stream, told.level, told.logger) == (11, "log", logging.WARNING, "overnight")
    assert told.text.startswith("8 lines (7.8 KiB) were dropped: a job may log")
    assert store.logs.lines("j1", after=told.key) == []
    store.logs.append("j1", 2, [line("x")])
    store.logs.append("j2", 1, [line("another job")])
    store.logs.flush()
    assert "were dropped" in texts(store, attempt=2)[0]
    assert texts(store, "j2") == ["another job"]


def test_a_flood_that_the_disk_cannot_take_is_dropped_and_said(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_BACKLOG", 5_000)
    hold, held = threading.Event(), threading.Event()

    def occupy(tx: object) -> None:
        held.set()
        hold.wait(30)

    busy = store.logs._writer.send(occupy)  # type: ignore[arg-type]
    held.wait(10)
    for _ in range(20):
        store.logs.append("j1", 1, [line("x" * 984)])
    hold.set()
    busy.result(timeout=10)
    store.logs.flush()
    kept = texts(store)
    assert [text for text in kept if text.startswith("x")] == ["x" * 984] * 5
    assert [text for text in kept if "15 lines (14.6 KiB) were dropped" in text]
    store.logs.append("j1", 1, [line("calm again")])
    store.logs.flush()
    assert texts(store)[-1] == "calm again"
