"""A worker of a batch that is no process of its own: tasks are done in that of the tests."""

from concurrent.futures import Future

from occupy_core.commands.batch.work import work


class WorkerHere:
    """Does each task when it is submitted."""

    def slots(self):
        return 1

    def submit(self, task):
        done = Future()
        done.set_result(work(task))
        return done

    def close(self):
        pass
