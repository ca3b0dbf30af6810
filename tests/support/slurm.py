"""A real SLURM cluster of one node, this machine, for the tests of queues (Debian's slurm-wlm)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
MEMORY = 2000  # MB of the node, so that a job can be given more than there is
CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={slurmd}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
JobRequeue=0
KillWait=1
OverTimeLimit=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=shut Nodes={host} MaxTime=INFINITE State=INACTIVE
"""
HOSTS = """\
[localhost]
PARALLEL_COMMAND = mpirun -np %_(JOB_NODES)d %_(COMMAND)s
NAME = SLURM
MANDATORY = False
SUBMIT_COMMAND = sbatch %_(JOB_SCRIPT)s
CANCEL_COMMAND = scancel %_(JOB_ID)s
CHECK_COMMAND = squeue -h -j %_(JOB_ID)s
SUBMIT_TEMPLATE = #!/bin/bash
    #SBATCH --job-name=%_(JOB_NAME)s
    #SBATCH --output=%_(JOB_LOGS)s.out
    #SBATCH --error=%_(JOB_LOGS)s.err
    #SBATCH --partition=%_(JOB_QUEUE)s
    #SBATCH --ntasks=%_(JOB_NODES)d
    #SBATCH --cpus-per-task=%_(JOB_THREADS)d
    #SBATCH --time=%_(JOB_TIME)s
    #SBATCH --mem=%_(JOB_MEMORY)s
    %_(JOB_COMMAND)s
QUEUES = {
    "main": [["JOB_TIME", "5", "Time (min)", "Wall time in minutes"],
             ["JOB_MEMORY", "500", "Memory (MB)", "Memory of a job"]],
    "shut": [["JOB_TIME", "5", "Time (min)", "Wall time in minutes"],
             ["JOB_MEMORY", "500", "Memory (MB)", "Memory of a job"]]
    }
"""


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Slurm:
    """The daemons of the cluster, and what a user types."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name, path=self.path()) is None]
        if missing or os.geteuid() != 0:
            pytest.skip(f"no SLURM to start here (root, slurm-wlm and munge; lacks {missing})")
        self.folder = folder
        self.daemons: list[subprocess.Popen] = []
        for name in ("state", "spool"):
            (folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        values = {"host": host, "folder": folder, "memory": MEMORY}
        conf = CONF.format(port=free_port(), slurmd=free_port(), **values)
        (folder / "slurm.conf").write_text(conf)
        (folder / "hosts.conf").write_text(HOSTS)
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": self.path()}
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def path() -> str:
        return os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin"))

    def _start(self) -> None:
        folder = self.folder
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o400)
        files = [f"--{name}={folder / name}" for name in ("key-file", "pid-file", "log-file")]
        files[0] = f"--key-file={folder / 'munge.key'}"
        munged = ["munged", "--foreground", "--force", f"--socket={folder / 'munge.socket'}"]
        self._daemon(*munged, *files, f"--seed-file={folder / 'seed'}")
        self.until(lambda: (folder / "munge.socket").exists())
        self._daemon("slurmctld", "-D", "-i")
        self._daemon("slurmd", "-D")
        self.until(lambda: "idle" in self.run("sinfo", "-h", "-p", "main", "-o", "%T"))

    def _daemon(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("w") as log:
            self.daemons.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **self.environment},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def until(self, condition, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not condition():
            logs = [p.read_text() for p in self.folder.glob("*.log")]
            assert time.monotonic() < end, "\n".join(logs)
            time.sleep(0.2)

    def run(self, *command: str) -> str:
        """Run a command of SLURM; return what it printed."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def jobs(self, state: str = "RUNNING") -> list[str]:
        """Ids of the jobs in a state."""
        return self.run("squeue", "-h", "-t", state, "-o", "%i").split()

    def stop(self) -> None:
        """End all jobs and daemons."""
        if len(self.daemons) > 1:
            self.run("scancel", "-f", "--user=root")
            time.sleep(1)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
