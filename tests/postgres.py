"""A PostgreSQL server of the tests' own, on a socket in a folder of its own; not as root, which it refuses."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

UNSAFE = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


class Server:
    """Of one folder. `url` is that of a workspace."""

    def __init__(self, folder, options):
        self.folder, self._options, self._user = folder, options, _unprivileged()

    def url(self, workspace="poolwise", **options):
        more = "".join(f"&{key}={value}" for key, value in options.items())
        return f"postgresql://tester@/postgres?host={self.folder}&workspace={workspace}{more}"

    @property
    def address(self):
        return f"postgresql://tester@/postgres?host={self.folder}"

    def initialise(self):
        if os.geteuid() == 0:
            shutil.chown(self.folder, user=self._user)
        self._run("initdb", "-D", self.folder / "data", "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8")

    def start(self):
        options = " ".join(["-c listen_addresses=''", f"-k {self.folder}", "-c max_connections=60", *self._options])
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-m", mode, "stop", check=False)

    def execute(self, *statements):
        """As an operator."""
        import psycopg

        with psycopg.connect(self.address) as db:
            for statement in statements:
                db.execute(statement)

    def empty(self, workspace):
        """Delete every row of a workspace, as its owner could not."""
        import psycopg

        with psycopg.connect(self.address) as db:
            tables = db.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (workspace,)).fetchall()
            names = ", ".join(f"{workspace}.{table}" for (table,) in tables if table != "alembic_version")
            db.execute("SET session_replication_role = replica")
            db.execute(f"TRUNCATE {names} RESTART IDENTITY")

    def _run(self, program, *arguments, check=True):
        command = [str(binaries() / program), *map(str, arguments)]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
        if check and done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")


def binaries():
    """Where the server's programs are; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: float(one.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


def missing():
    """Why there can be no server here; None where there can."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'poolwise[postgresql]'"
    if binaries() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if os.geteuid() == 0 and (_unprivileged() is None or shutil.which("setpriv") is None):
        return "PostgreSQL refuses to run as root, and there is no other user to be"
    return None


@contextmanager
def server(*options):
    """One that runs until the end; options: of `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="poolwise-pg-", dir="/tmp"))
    found = Server(folder, options)
    try:
        found.initialise()
        found.start()
        yield found
    finally:
        found.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged():
    for user in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(user).pw_name
        except KeyError:
            continue
    return None


def eventually(condition, seconds=10.0):
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
