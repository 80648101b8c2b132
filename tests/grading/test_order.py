"""Messages between a grader and its grading processes."""

import socket

import pytest

from grader.grading.order import receive, send


def test_messages_that_arrive_together_are_received_one_by_one():
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            send(theirs, b"first")
            send(theirs, b"second" * 2_000)
            assert receive(ours) == b"first"
            assert receive(ours) == b"second" * 2_000
            send(theirs, b"third")
        assert receive(ours) == b"third"
        with pytest.raises(ConnectionError):
            receive(ours)
