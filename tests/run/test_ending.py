"""A run that is told to end ends like one that is interrupted."""

import signal

import pytest

from poolwise.run.ending import SIGNALS, interruptible


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_to_end_interrupts(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
