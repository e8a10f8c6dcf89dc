"""The page about the states says what the code does."""

from overnight.jobs import Kind, Reason, State
from tests.house.drawing import PAGE, drawn, picture


def test_the_picture_of_the_states_is_drawn_from_the_table_of_moves() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert picture() in page, "stale: bring it up to date with `python -m tests.house.drawing`"
    assert drawn(page) == page


def test_the_page_names_every_state_every_reason_and_every_kind_of_event() -> None:
    page = PAGE.read_text(encoding="utf-8")
    words = [word.value for word in (*State, *Reason, *Kind)]
    assert [word for word in words if f"`{word}`" not in page] == []
