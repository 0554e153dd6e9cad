"""A scratch Postgres, the program on it in three processes, and a client of its API."""

import atexit
import base64
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# The tests log in with these and start servers with this key; none of them protects anything.
MASTER_KEY = "5f3a1c0e9b7d8642f1e0d3c2b5a49687786950413223140506f7e8d9cabb9cad"
ADMIN_PASSWORD = "correct-horse-battery-staple-9"
USER_PASSWORD = "Tr0ub4dor-and-three-more"
# How long anything may take, in seconds.
TIMEOUT = 120


def eventually(what, probe, within=TIMEOUT):
    """Asks until there is an answer that is true; the answer."""
    until = time.monotonic() + within
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > until:
            raise SystemExit(f"not within {within} s: {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Postgres:
    """A cluster in a directory of its own, reached by its socket only."""

    def __init__(self, programs):
        self.programs = pathlib.Path(programs)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="ledgerline-dump-"))
        self.owner = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.dir, owner.pw_uid, owner.pw_gid)
            self.owner = {"user": owner.pw_uid, "group": owner.pw_gid}
        initdb = ["-U", "ledgerline", "-A", "trust", "-E", "UTF8", "--locale=C", "-D", self.dir / "data"]
        self.run("initdb", *initdb, stdout=subprocess.DEVNULL)
        serve = ["-D", self.dir / "data", "-k", self.dir, "-c", "listen_addresses=", "-c", "max_connections=200"]
        log = open(self.dir / "postgres.log", "wb")
        command = [self.programs / "postgres", *serve]
        self.process = subprocess.Popen(command, stderr=log, cwd=self.dir, **self.owner)
        eventually("Postgres answers", lambda: self.answers())
        self.psql("create database dump", "postgres")

    def url(self):
        folder = str(self.dir).replace("/", "%2F")
        return f"postgres://ledgerline@localhost/dump?host={folder}"

    def run(self, program, *arguments, **options):
        command = [self.programs / program, *arguments]
        return subprocess.run(command, check=True, cwd=self.dir, **self.owner, **options)

    def answers(self):
        ready = [self.programs / "pg_isready", "-q", "-h", self.dir]
        return subprocess.run(ready).returncode == 0

    def psql(self, sql, database="dump"):
        """The rows that a statement answers, each a list of texts."""
        arguments = ["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        connect = ["-h", self.dir, "-U", "ledgerline", "-d", database, "-c", sql]
        said = self.run("psql", *arguments, *connect, stdout=subprocess.PIPE, text=True).stdout
        return [line.split("\t") for line in said.splitlines()]

    @contextlib.contextmanager
    def locked(self, table):
        """Keeps everybody else out of a table."""
        lock = f"begin; lock table {table} in access exclusive mode; select pg_sleep(86400)"
        command = [self.programs / "psql", "-X", "-q", "-h", self.dir, "-U", "ledgerline", "-d", "dump", "-c", lock]
        holding = subprocess.Popen(
            command, cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.owner
        )
        holder = f"pg_locks where relation = '{table}'::regclass and mode = 'AccessExclusiveLock' and granted"
        eventually(f"{table} is locked", lambda: self.psql(f"select 1 from {holder}"))
        yield
        self.psql(f"select pg_terminate_backend(pid) from {holder}")
        holding.wait()

    def dump(self):
        """The database in plain SQL, without what only the newest psql understands."""
        said = self.run(
            "pg_dump", "-h", self.dir, "-U", "ledgerline", "--no-owner", "dump", stdout=subprocess.PIPE
        ).stdout
        new = re.compile(rb"^(\\(un)?restrict .*|SET transaction_timeout = .*)\n", re.MULTILINE)
        return new.sub(b"", said)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.dir)


class Program:
    """One process of the program, in one of its roles."""

    def __init__(self, binary, role, postgres, settings):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"ledgerline-{role}-"))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.role = role
        settings = {
            "ROLE": role,
            "DATABASE_URL": postgres.url(),
            "MASTER_KEY": MASTER_KEY,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "LISTEN": self.url.removeprefix("http://"),
            "DATA_DIR": str(self.dir),
            "POSTGRES_CONNECTIONS": "8",
            **settings,
        }
        environment = {f"LEDGERLINE_{name}": value for name, value in settings.items()}
        environment["PATH"] = os.environ["PATH"]
        log = open(self.dir / "log", "wb")
        command = [binary, "serve"]
        self.process = subprocess.Popen(
            command, env=environment, cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        atexit.register(self.kill)

    def log(self):
        return (self.dir / "log").read_text()

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
        atexit.unregister(self.kill)


class Answer:
    def __init__(self, asked, status, headers, body):
        self.asked, self.status, self.headers, self.body = asked, status, headers, body

    def ok(self):
        if self.status != 200:
            raise SystemExit(f"{self.asked}: {self.status} {self.body.decode(errors='replace')}")
        return json.loads(self.body) if self.body else None


class Client:
    """Somebody who sends requests."""

    def __init__(self, url, headers=None):
        self.url, self.headers = url, headers or {}

    def login(self, username, password=USER_PASSWORD):
        token = self.post("/authenticate", {"username": username, "password": password})["token"]
        return Client(self.url, {"Authorization": f"Bearer {token}"})

    def basic(self, username, password):
        words = base64.b64encode(f"{username}:{password}".encode()).decode()
        return Client(self.url, {"Authorization": f"Basic {words}"})

    def send(self, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(
            self.url + path, data=body, method=method, headers={**self.headers, **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return Answer(f"{method} {path}", answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(f"{method} {path}", error.code, dict(error.headers), error.read())

    def get(self, path):
        return self.send("GET", path).ok()

    def post(self, path, body=None, **headers):
        return self.send("POST", path, {} if body is None else body, **headers).ok()

    def put(self, path, body=None):
        return self.send("PUT", path, {} if body is None else body).ok()

    def delete(self, path):
        return self.send("DELETE", path).ok()

    def upload(self, path, kind, content, name=None):
        headers = {"Content_Type": kind}
        if name:
            headers["Content_Disposition"] = f'attachment; filename="{name}"'
        return self.send("PUT", path, content, **headers).ok()
