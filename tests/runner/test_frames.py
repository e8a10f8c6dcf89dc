"""Messages cross a socket whole, in order, and nonsense is told from them."""

from __future__ import annotations

import os
import socket

import msgspec
import pytest

from overnight.inside.messages import Progressed, Returned, Save, decode_up, encode
from overnight.runner.frames import LONGEST, FrameReader, NoFrame, frame, send_with_descriptors


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_frames_that_arrive_in_pieces_come_out_whole(ends) -> None:
    ours, theirs = ends
    said = [Progressed(1, 10, "one"), Save(3, b"x" * 1000), Returned(b"null")]
    stream = b"".join(frame(encode(message)) for message in said)
    reader = FrameReader(ours)
    heard = []
    for start in range(0, len(stream), 7):
        theirs.sendall(stream[start : start + 7])
        heard += [decode_up(payload) for payload in reader.read()]
    assert heard == said


def test_the_end_of_the_other_side_is_noticed(ends) -> None:
    ours, theirs = ends
    theirs.sendall(frame(b"whole") + b"\x09")
    theirs.close()
    reader = FrameReader(ours)
    assert reader.read() == [b"whole"]
    assert not reader.is_ended
    assert reader.read() == []
    assert reader.is_ended
    assert reader.is_cut


def test_a_length_out_of_bounds_is_no_frame(ends) -> None:
    ours, theirs = ends
    theirs.sendall(frame(b"whole") + (LONGEST + 1).to_bytes(4, "little"))
    with pytest.raises(NoFrame) as nonsense:
        FrameReader(ours).read()
    assert nonsense.value.before == [b"whole"]


def test_what_is_no_message_does_not_decode() -> None:
    for payload in (b"", b"\x00", b"hello", encode(Progressed(1, 2, "x"))[:-1], b"\x92\xa4Evil\x01"):
        with pytest.raises(msgspec.DecodeError):
            decode_up(payload)


def test_descriptors_come_in_the_order_of_their_frames(ends) -> None:
    ours, theirs = ends
    pipes = [os.pipe() for _ in range(3)]
    for number, (reading, _) in enumerate(pipes):
        send_with_descriptors(theirs, [b"%d" % number], [reading])
    reader = FrameReader(ours)
    payloads = []
    while len(payloads) < 3:
        payloads += reader.read_with_descriptors()
    assert payloads == [b"0", b"1", b"2"]
    for number, (_, writing) in enumerate(pipes):
        os.write(writing, b"%d" % number)
    for number, received in enumerate(reader.descriptors):
        assert os.read(received[0], 1) == b"%d" % number
        os.close(received[0])
    for pair in pipes:
        for descriptor in pair:
            os.close(descriptor)
