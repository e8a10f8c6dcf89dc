"""Arrays inside saved values."""

import numpy as np
import pytest

from overnight.errors import SaveRefused
from overnight.inside.job import job
from overnight.inside.values import decode, encode, encode_at


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
        np.array([1 + 2j]),
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.array(["a", "bc"]),
        np.array([(1, 2.5)], dtype=[("n", "i4"), ("x", "f8")]),
        np.array([], dtype=bool),
    ],
    ids=lambda array: str(array.dtype),
)
def test_an_array_comes_back_with_its_type_and_shape(array: np.ndarray) -> None:
    back = decode(encode({"array": array}))["array"]
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert (back == array).all()


@pytest.mark.parametrize("number", [np.float32(0.1), np.int64(3), np.bool_(True), np.str_("a")], ids=repr)
def test_a_number_of_numpys_stays_one(number: np.generic) -> None:
    back = decode(encode([number]))[0]
    assert (type(back), back) == (type(number), number)


def test_an_array_of_objects_is_refused() -> None:
    with pytest.raises(SaveRefused, match=r"restore\(\)\['a'\]: an array of Python objects cannot be saved"):
        encode_at("restore()", {"a": np.array([object()])})


def test_an_array_is_no_value_to_restore_and_the_cure_is_a_dict() -> None:
    with pytest.raises(SaveRefused, match="put it in a dict"):
        job.restore(np.zeros(3))
