"""Work whose process ends for some tasks, for tests of workers."""

import os
import signal

from occupy_core.commands.batch.work import Outcome


def work(task):
    """End the process by a signal for a task named crash; a mistake for one named mistake."""
    if task.name == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.name == "mistake":
        raise ZeroDivisionError("of the program")
    return Outcome(name=task.name, command=task.command, record="r.json", sentence="done")
