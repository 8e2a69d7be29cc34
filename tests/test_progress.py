"""Progress for who watches no terminal."""

import logging

from poolwise.progress import Logged


def test_a_line_at_most_every_so_often_with_what_is_left(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("poolwise.progress.time.monotonic", lambda: now[0])
    caplog.set_level(logging.INFO, "poolwise.progress")
    tell = Logged(seconds=10)
    for done in range(31):
        tell("sampling", done, 100)
        now[0] += 1
    assert caplog.messages == [
        "sampling: 10 of 100, about 2 min left",
        "sampling: 20 of 100, about 1 min left",
        "sampling: 30 of 100, about 1 min left",
    ]
