from itertools import count

import pytest

from tests.waiting import until


def test_a_wait_returns_the_first_truthy_answer():
    numbers = count()
    assert until(lambda: next(numbers), every=0) == 1


def test_a_wait_in_vain_names_what_it_waited_for_and_the_last_answer():
    with pytest.raises(AssertionError, match=r"waited 0 s in vain for the end of the job; last answer: \[\]"):
        until(list, within=0, what="the end of the job")


def test_an_exception_of_the_condition_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        until(lambda: 1 / 0)
