# SPDX-License-Identifier: GPL-3.0-or-later
"""A sign that work is going on, while the windows stay alive."""

import contextlib
import gc
import threading
import time
import tkinter as tk
from tkinter import ttk

_SHOWN_AFTER = 0.25  # s; what is quicker needs no sign
_PAUSE = 0.02  # s between looks at the work
_COUNT = threading.Lock()
_working = 0  # threads that work
THREAD = "occupy"  # their name


def workBusily(master, text, function):
    """Return what a function returns; meanwhile a sign says what is done, and the windows live.

    The function works in a thread of its own, so it must not touch a window.

    Parameters
    ----------
    master : tkinter widget or None
        Over which the sign stands; None: no screen, the function is just called.
    text : str
    function : callable
    """
    if master is None:
        return function()
    done = {}

    def work():
        try:
            done["result"] = function()
        except BaseException as error:
            done["error"] = error

    thread = startAside(work)
    sign, start = None, time.monotonic()
    try:
        while thread.is_alive():
            if sign is None and time.monotonic() - start > _SHOWN_AFTER:
                sign = _Sign(master, text)
            if sign is not None:
                master.update()
            time.sleep(_PAUSE)
    finally:
        if sign is not None:
            sign.close()
    if "error" in done:
        raise done["error"]
    return done["result"]


def startAside(work):
    """Start a function in a thread of its own, and return the thread.

    While it works Python collects no garbage: of a window that was closed only the thread of the
    windows may drop what is left.
    """

    def guarded():
        global _working
        with _COUNT:
            _working += 1
            gc.disable()
        try:
            work()
        finally:
            with _COUNT:
                _working -= 1
                if not _working:
                    gc.enable()

    thread = threading.Thread(target=guarded, name=THREAD, daemon=True)
    thread.start()
    return thread


class _Sign:
    """A small window that says what is done; others take no input meanwhile."""

    def __init__(self, master, text):
        self._window = tk.Toplevel(master)
        self._window.title("Please wait")
        self._window.transient(master.winfo_toplevel())
        ttk.Label(self._window, text=f"{text} …", padding=20).pack()
        bar = ttk.Progressbar(self._window, mode="indeterminate", length=240)
        bar.pack(padx=20, pady=(0, 20))
        bar.start()
        self._window.protocol("WM_DELETE_WINDOW", lambda: None)
        self._window.update()
        self._window.grab_set()

    def close(self):
        with contextlib.suppress(tk.TclError):  # it is gone with all windows
            self._window.grab_release()
            self._window.destroy()
