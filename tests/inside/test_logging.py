"""Records of `logging` go up once each, with level and logger; the rest of logging is as it was."""

from pathlib import Path

from tests.inside.child_program import run_as_child

INFO, WARNING, ERROR = 20, 30, 40


def test_without_configuration_ours_serves(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        logging.getLogger("app").warning("careful, %s", "ada")
        logging.getLogger("app").info("below the root's level")
        """)  # fmt: skip
    assert told.records == [("log", WARNING, "app", "careful, ada")]
    assert told.out + told.err == ""


def test_ours_serves_until_the_program_configures_its_own(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        logging.warning("before")
        logging.getLogger().handlers.clear()  # logging.warning itself configures
        logging.getLogger("app").warning("before")
        logging.basicConfig(format="%(levelname)s:%(message)s")
        logging.getLogger("app").warning("after")
        """)  # fmt: skip
    assert told.records[1:] == [
        ("log", WARNING, "app", "before"),
        ("stderr", WARNING, "app", "WARNING:after"),
    ]
    assert told.out + told.err == ""


def test_a_handler_on_stdout_says_so(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        logging.getLogger("app").error("broken")
        """)  # fmt: skip
    assert told.records == [("stdout", ERROR, "app", "broken")]
    assert told.out + told.err == ""


def test_the_log_of_the_job_needs_no_configuration(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        job.log.info("read %d files", 3)
        job.log.debug("not asked for")
        """)  # fmt: skip
    assert told.records == [("log", INFO, "overnight.job", "read 3 files")]
    assert told.out + told.err == ""


def test_the_log_of_the_job_is_heard_once_beside_other_handlers(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        shown = logging.StreamHandler()
        shown.setLevel(logging.ERROR)
        kept = logging.FileHandler(Path(sys.argv[1], "file"))
        logging.basicConfig(handlers=[shown, kept], format="%(message)s")
        job.log.info("to the file")
        job.log.error("to both")
        """)  # fmt: skip
    assert told.records == [
        ("log", INFO, "overnight.job", "to the file"),
        ("stderr", ERROR, "overnight.job", "to both"),
    ]
    assert (tmp_path / "file").read_text() == "to the file\nto both\n"
    assert told.out + told.err == ""


def test_a_configuration_that_disables_other_loggers_does_not_silence_the_job(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        import logging.config
        logging.config.dictConfig({"version": 1})
        job.log.info("hello")
        """)  # fmt: skip
    assert [text for *_, text in told.records] == ["hello"]


def test_a_record_that_two_handlers_write_goes_up_once(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        both = [logging.StreamHandler(), logging.StreamHandler(sys.stdout)]
        logging.basicConfig(handlers=both, format="%(message)s")
        logging.getLogger("app").warning("once")
        """)  # fmt: skip
    assert told.records == [("stderr", WARNING, "app", "once")]


def test_a_handler_that_writes_by_itself_is_not_doubled(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        from rich.console import Console
        from rich.logging import RichHandler
        logging.getLogger().addHandler(RichHandler(console=Console(file=sys.stdout, width=200)))
        job.log.info("hello")
        """)  # fmt: skip
    assert told.records == []
    assert told.out.count("hello") == 1


def test_a_record_that_another_thread_writes_later_goes_up_once(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        import logging.handlers, queue
        waiting = queue.SimpleQueue()
        listener = logging.handlers.QueueListener(waiting, logging.StreamHandler())
        logging.getLogger().addHandler(logging.handlers.QueueHandler(waiting))
        listener.start()
        logging.getLogger("app").warning("through the queue")
        listener.stop()
        """)  # fmt: skip
    assert told.records == [("stderr", WARNING, "app", "through the queue")]


def test_files_and_other_streams_are_left_alone(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        import io
        other = io.StringIO()
        both = [logging.StreamHandler(other), logging.FileHandler(Path(sys.argv[1], "file"))]
        logging.basicConfig(handlers=both, format="%(message)s")
        logging.getLogger("app").warning("to you")
        answer = other.getvalue()
        """)  # fmt: skip
    assert told.records == []
    assert (told.answer, (tmp_path / "file").read_text()) == ("to you\n", "to you\n")


def test_tracebacks_go_with_their_record(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        try:
            raise ValueError("inner")
        except ValueError:
            job.log.exception("outer")
        """)  # fmt: skip
    ((_, level, _, text),) = told.records
    assert level == ERROR
    assert text.startswith("outer\nTraceback")
    assert text.endswith("ValueError: inner")


def test_a_record_that_cannot_be_formatted_does_not_end_the_job(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        logging.getLogger("app").warning("%d", "no number")
        logging.getLogger("app").warning("next")
        """)  # fmt: skip
    assert [text for *_, text in told.records] == ["next"]
    assert "Logging error" in told.err


def test_a_very_long_text_is_cut(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """job.log.info("x" * 1_000_000)\n""")
    ((*_, text),) = told.records
    assert len(text) < 300_000
    assert text.endswith("(737856 more characters)")


def test_what_a_program_prints_stays_text(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """print("hello")\n""")
    assert (told.records, told.out) == ([], "hello\n")


def test_a_fork_of_the_functions_writes_its_log_as_text(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        job.log.info("from the parent")
        if os.fork() == 0:
            job.log.warning("not configured")
            logging.basicConfig(format="%(message)s")
            logging.getLogger("app").warning("configured")
            os._exit(0)
        os.wait()
        """)  # fmt: skip
    assert [text for *_, text in told.records] == ["from the parent"]
    assert told.err == "not configured\nconfigured\n"
