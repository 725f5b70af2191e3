"""Stopping on Ctrl-C, SIGTERM or a hangup, also in the middle of a long query of the engine.

Python runs its handlers between its own steps, and a query is one step. So a thread listens on the pipe into which the
interpreter writes each signal at once, and interrupts the query.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

AGAIN_AFTER = 0.05  # seconds
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no hangup


def terminate_like_ctrl_c() -> None:
    """Let signals that ask to end raise `KeyboardInterrupt`, so that whatever is open is closed and removed.

    A hangup that the caller ignores, as ``nohup`` does, stays ignored.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in ENDING:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)


@contextmanager
def interruptible(*connections: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt the queries of these connections when a signal comes; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    caught, left = threading.Event(), threading.Event()

    def listen() -> None:
        while (number := ours.recv(1)) and number != b"\0":
            if number[0] in (signal.SIGINT, *ENDING):
                caught.set()
                break
        else:
            return
        # The engine forgets an interrupt that comes while a query is about to begin, so it is told again.
        while not left.is_set():
            for connection in connections:
                connection.interrupt()
            left.wait(AGAIN_AFTER)

    listener = threading.Thread(target=listen, name="pathworth-signals", daemon=True)
    listener.start()

    def stop_listening() -> None:
        signal.set_wakeup_fd(before)
        left.set()
        theirs.send(b"\0")
        if not sys.is_finalizing():  # by then threads stand still, and nothing would end the wait
            listener.join()
        ours.close()
        theirs.close()

    try:
        yield
    except Exception as error:
        stop_listening()
        if caught.is_set():  # the engine turns an interrupted query into errors of its own
            raise KeyboardInterrupt from error
        raise
    except BaseException:
        stop_listening()
        raise
    stop_listening()
    if caught.is_set():
        raise KeyboardInterrupt
