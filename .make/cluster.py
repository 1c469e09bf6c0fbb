"""``make cluster-up`` and ``make cluster-down``: a standalone Spark cluster on this machine's loopback address.

A master and workers of one core each from the installed pyspark, with process ids and logs under ``.cluster/``.
Nothing listens on an outside address; whoever can run programs on this machine can submit to it.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = ROOT / ".cluster"
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 90
STOP_SECONDS: Final = 15
CLASSES: Final = "org.apache.spark.deploy."


class ClusterError(Exception):
    """Raised when the cluster cannot be started; the message says what to do."""


def say(message: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"cluster: {message}\n")


def spark_home() -> Path:
    """Return the folder of the installed pyspark.

    Raises:
        ClusterError: It is not installed.
    """
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        message = "pyspark is not installed; run 'make setup'"
        raise ClusterError(message)
    return Path(spec.origin).parent


def command_of(pid: int) -> str:
    """Return the command line of a process, empty where it is gone."""
    # Small machine images have no ps; macOS has no /proc.
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
        except OSError:
            return ""
    done = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def running() -> dict[str, int]:
    """Return name to process id of what ``up`` started and still runs."""
    found = {}
    for file in sorted(HOME.glob("*.pid")):
        try:
            pid = int(file.read_text(encoding="utf-8"))
        except ValueError:
            continue
        # The system gives ids out again: one that is no Spark daemon now is not ours.
        if CLASSES in command_of(pid) or "spark-class" in command_of(pid):
            found[file.stem] = pid
    return found


def require_free(port: int, option: str) -> None:
    """Check that nothing listens on a port.

    Raises:
        ClusterError: Something does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            message = f"port {port} of {HOST} is in use; end what uses it, or choose another by {option}"
            raise ClusterError(message) from None


def start(name: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start one daemon in a process group of its own, so that its executors end with it."""
    env = os.environ | {
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "512m",
        # Executors start the Python that has the project's dependencies.
        "PYSPARK_PYTHON": str(ROOT / ".venv" / "bin" / "python"),
    }
    with (HOME / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [spark_home() / "bin" / "spark-class", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd=HOME,
            start_new_session=True,
        )
    (HOME / f"{name}.pid").write_text(str(process.pid), encoding="utf-8")
    return process


def alive_workers(ui_port: int) -> int:
    """Ask the master how many workers are registered; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{ui_port}/json/", timeout=2) as answer:
            return int(json.load(answer)["aliveworkers"])
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return 0


def wait_for_workers(ui_port: int, daemons: dict[str, "subprocess.Popen[bytes]"]) -> None:
    """Wait until every worker is registered.

    Args:
        ui_port: Port of the master's page.
        daemons: Process of the master and of each worker, by name.

    Raises:
        ClusterError: A daemon ended, or time ran out; the end of its log is in the message.
    """
    workers = len(daemons) - 1
    deadline = time.monotonic() + START_SECONDS
    while alive_workers(ui_port) < workers:
        gone = [name for name, process in daemons.items() if process.poll() is not None]
        if gone or time.monotonic() > deadline:
            log = HOME / f"{(gone or list(daemons))[0]}.log"
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
            what = f"{gone[0]} ended" if gone else f"not all {workers} workers were there after {START_SECONDS} s"
            message = f"{what}; nothing is left running. The end of {log}:\n{tail}"
            raise ClusterError(message)
        time.sleep(0.5)


def up(port: int, ui_port: int, workers: int, worker_memory: str) -> None:
    """Start the master and its workers; does nothing where they run.

    Raises:
        ClusterError: A port is in use, or a daemon does not start.
    """
    names = ["master", *(f"worker-{number}" for number in range(1, workers + 1))]
    address = f"spark://{HOST}:{port}"
    if set(running()) >= set(names) and alive_workers(ui_port) >= workers:
        say(f"runs already; MASTER={address}")
        return
    down()
    require_free(port, "CLUSTER_PORT=")
    require_free(ui_port, "CLUSTER_UI_PORT=")
    HOME.mkdir(exist_ok=True)
    try:
        web = ("--webui-port", str(ui_port))
        daemons = {"master": start("master", f"{CLASSES}master.Master", "--host", HOST, "--port", str(port), *web)}
        for name in names[1:]:
            size = ("--cores", "1", "--memory", worker_memory, "--webui-port", "0", "--work-dir", str(HOME / "work"))
            daemons[name] = start(name, f"{CLASSES}worker.Worker", "--host", HOST, *size, address)
        wait_for_workers(ui_port, daemons)
    except BaseException:
        down()
        raise
    say(f"{workers} workers of 1 core and {worker_memory} at {address}, page http://{HOST}:{ui_port}, logs in {HOME}")
    say(f"next: make run MASTER={address} LAKE=data/lake-cluster; make cluster-down stops it")


def down() -> None:
    """Stop what ``up`` started; does nothing where nothing runs."""
    daemons = running()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in running().values():
            try:
                os.killpg(pid, sign)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + STOP_SECONDS
        while running() and time.monotonic() < deadline:
            time.sleep(0.2)
    for file in HOME.glob("*.pid"):
        file.unlink(missing_ok=True)
    if daemons:
        say(f"stopped {', '.join(daemons)}")


def main(arguments: list[str]) -> int:
    """Run one command.

    Returns:
        0, 2 where a port is in use or the cluster does not start.
    """
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--port", type=int, default=7077)
    parser.add_argument("--ui-port", type=int, default=18080)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker-memory", default="3g")
    given = parser.parse_args(arguments)
    try:
        if given.command == "up":
            up(given.port, given.ui_port, given.workers, given.worker_memory)
        else:
            down()
    except ClusterError as error:
        say(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
