"""Three real nodes of rqlite on loopback for the length of a command, which may kill them.

    cluster.py [--nodes 3] [--secured] -- COMMAND…

With --secured the nodes speak HTTPS, with a certificate that SSL_CERT_FILE names, and ask for the credentials that stand in the address.
KNOCKER_RQLITED names the program, KNOCKER_EXTENSION the library. The command is told KNOCKER_RQLITE_URL, and KNOCKER_RQLITE_CONTROL, the address at
which it may ask for what a test does to a cluster; each answer is JSON:

    POST /kill-leader     kills the leader (SIGKILL), once there is one, and says which node it was
    POST /pause-leader    stops the leader where it is (SIGSTOP): it answers nothing, and believes itself the leader when it goes on
    POST /restart         starts what was killed, lets go on what was paused, and answers when every node is ready
    POST /wipe            takes every table away, so that the next one to open the cluster finds it empty
    GET /tables           whether the rows of every table are the same on each node, once they have caught up: {"nodes", "names", "tables", …}
    GET /column?node=…&sql=…  the first column of a query as that node has it, whoever leads: {"values"}
    GET /grep?text=…      the files of the nodes that hold the text, also where rqlite has compressed it
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

PATIENCE_S = 120.0
CATCH_UP_S = 30.0
GZIP = b"\x1f\x8b\x08"
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


class Lock:
    """Credentials, and a certificate for loopback."""

    def __init__(self, folder: Path) -> None:
        self.user, self.password = "knocker", "the/pass:word"
        self.users, self.certificate, self.key = folder / "users.json", folder / "certificate.pem", folder / "key.pem"
        self.users.write_text(json.dumps([{"username": self.user, "password": self.password, "perms": ["all"]}]))
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        made += [
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            str(self.key),
            "-out",
            str(self.certificate),
        ]
        subprocess.run(made, check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=str(self.certificate))

    @property
    def flags(self) -> list[str]:
        """For a node."""
        keys = ["-http-cert", str(self.certificate), "-http-key", str(self.key)]
        return [*keys, "-auth", str(self.users), "-join-as", self.user]

    @property
    def header(self) -> dict[str, str]:
        """For a request."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()}


class Node:
    """One node: its ports, its folder, and its process while it runs."""

    def __init__(self, number: int, folder: Path, lock: Lock | None) -> None:
        self.lock = lock
        self.name = f"n{number}"
        self.folder = folder / self.name
        self.http, self.raft = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self, program: str, extensions: Path, others: list[Node]) -> None:
        """Starts it. What it prints is kept beside its folder."""
        joins = ",".join(f"127.0.0.1:{node.raft}" for node in others)
        command = [program, "-fk", "-node-id", self.name, "-extensions-path", str(extensions)]
        command += ["-http-addr", f"127.0.0.1:{self.http}", "-raft-addr", f"127.0.0.1:{self.raft}"]
        command += self.lock.flags if self.lock is not None else []
        if len(others) > 1:
            command += ["-bootstrap-expect", str(len(others)), "-join", joins]
        with self.folder.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen([*command, str(self.folder)], stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        """Ends it without a word."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        """Keeps it from doing anything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends a pause."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def ask(self, path: str, statements: object = None, timeout_s: float = 30.0) -> Any:
        """What it answers, as JSON."""
        body = None if statements is None else json.dumps(statements).encode()
        return json.loads(self.send(path, body, "application/json", timeout_s))

    def send(self, path: str, body: bytes | None, content_type: str, timeout_s: float) -> bytes:
        """What it answers. Raises OSError where it is none of success."""
        headers = {"Content-Type": content_type, **(self.lock.header if self.lock is not None else {})}
        scheme, context = ("http", None) if self.lock is None else ("https", self.lock.context)
        request = urllib.request.Request(f"{scheme}://127.0.0.1:{self.http}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=timeout_s, context=context) as response:
            return bytes(response.read())

    @property
    def is_ready(self) -> bool:
        """Whether it knows its leader and has applied what there was."""
        try:
            self.send("/readyz", None, "text/plain", 5)
        except OSError:
            return False
        return True

    @property
    def is_leader(self) -> bool:
        """Whether it says so itself."""
        try:
            return bool(self.ask("/status?key=store", timeout_s=5)["raft"]["state"] == "Leader")
        except OSError:
            return False


class Cluster:
    """The nodes, in one folder."""

    def __init__(self, program: str, library: Path, folder: Path, nodes: int, secured: bool) -> None:
        self.program = program
        self.folder = folder
        # rqlite loads whatever is in the folder.
        self.extensions = folder / "extensions"
        self.extensions.mkdir()
        shutil.copy(library, self.extensions)
        self.lock = Lock(folder) if secured else None
        self.nodes = [Node(number, folder, self.lock) for number in range(nodes)]

    def start(self) -> None:
        """Starts the nodes that do not run, and returns when all are ready."""
        for node in self.nodes:
            if node.is_running:
                node.go_on()
            else:
                node.start(self.program, self.extensions, self.nodes)
        for node in self.nodes:
            until(lambda node=node: node.is_ready or self.refuse_ended(node), f"{node.name} is not ready")

    def refuse_ended(self, node: Node) -> bool:
        """A node that has ended is not waited for."""
        if not node.is_running:
            raise SystemExit(f"rqlited has ended: {node.folder.with_suffix('.log').read_text()[-2000:]}")
        return False

    def stop(self) -> None:
        """Ends what runs."""
        for node in self.nodes:
            if node.is_running:
                node.kill()

    @property
    def url(self) -> str:
        """What Knocker opens."""
        nodes = ",".join(f"127.0.0.1:{node.http}" for node in self.nodes)
        return f"rqlite://{nodes}" if self.lock is None else f"rqlites://{self.lock.user}:{quote(self.lock.password, safe='')}@{nodes}"

    def leader(self) -> Node:
        """The leader, once there is one."""
        return until(lambda: next((node for node in self.nodes if node.is_running and node.is_leader), None), "there is no leader")

    def kill_leader(self) -> dict[str, object]:
        """Kills it."""
        node = self.leader()
        node.kill()
        return {"killed": node.name}

    def pause_leader(self) -> dict[str, object]:
        """Pauses it."""
        node = self.leader()
        node.pause()
        return {"paused": node.name}

    def restart(self) -> dict[str, object]:
        """Starts what was killed."""
        self.start()
        return {"running": [node.name for node in self.nodes]}

    def wipe(self) -> dict[str, object]:
        """Has the cluster load a database that has nothing in it."""
        empty = self.folder / "empty.db"
        empty.unlink(missing_ok=True)
        connection = sqlite3.connect(empty)
        connection.execute("CREATE TABLE empty (text TEXT)")
        connection.commit()
        connection.close()
        answer = self.leader().send("/db/load", empty.read_bytes(), "application/octet-stream", PATIENCE_S).decode()
        assert "error" not in answer, answer
        return {"wiped": True}

    def tables(self) -> dict[str, object]:
        """Every row of every table, by node. A node may be behind the others for a while; what has parted does not come together again."""
        deadline = time.monotonic() + CATCH_UP_S
        while (compared := self._compared())["differing"] and time.monotonic() < deadline:
            time.sleep(0.2)
        return compared

    def _compared(self) -> dict[str, object]:
        by_node = [{str(name) for (name,) in self._rows(node, [TABLES])[0]} for node in self.nodes]
        tables = sorted(set.union(*by_node))
        # Of a node that is behind, not all tables can be read, and the first one may be such a node.
        missing = sorted(set(tables) - set.intersection(*by_node))
        if missing:
            return {
                "nodes": len(self.nodes),
                "names": [node.name for node in self.nodes],
                "tables": tables,
                "rows": 0,
                "differing": missing,
            }
        read = [self._rows(node, [f'SELECT * FROM "{table}"' for table in tables]) for node in self.nodes]
        sorted_by_node = [[sorted(json.dumps(row) for row in rows) for rows in of_node] for of_node in read]
        first = sorted_by_node[0]
        differing = [table for at, table in enumerate(tables) if any(of_node[at] != first[at] for of_node in sorted_by_node)]
        return {
            "nodes": len(self.nodes),
            "names": [node.name for node in self.nodes],
            "tables": tables,
            "rows": sum(len(rows) for rows in first),
            "differing": differing,
        }

    @staticmethod
    def _rows(node: Node, statements: list[str]) -> list[list[list[object]]]:
        def read() -> list[list[list[object]]] | None:
            results = node.ask("/db/query?level=none&blob_array", statements)["results"]
            # One that is behind has no such table yet, and one that takes a snapshot refuses for a moment.
            if any("error" in result for result in results):
                return None
            return [list(result.get("values", [])) for result in results]

        return until(read, f"{node.name} does not answer {statements}")

    def column(self, name: str, sql: str) -> dict[str, object]:
        """The first column of a query as that node has it."""
        [node] = [node for node in self.nodes if node.name == name]
        [rows] = self._rows(node, [sql])
        return {"values": [row[0] for row in rows]}

    def grep(self, text: str) -> dict[str, object]:
        """The files that hold the text, what the nodes have printed among them."""
        return until(lambda: self._grepped(text.encode()), "files come and go")

    def _grepped(self, wanted: bytes) -> dict[str, object] | None:
        """None where a file has gone under another name meanwhile, as a snapshot does that is complete."""
        found, files = [], 0
        try:
            for path in sorted(path for path in self.folder.rglob("n*/**/*") if path.is_file()) + sorted(self.folder.glob("n*.log")):
                content = path.read_bytes()
                files += 1
                if wanted in content or wanted.hex().encode() in content or any(wanted in one for one in unpacked(content)):
                    found.append(str(path.relative_to(self.folder)))
        except FileNotFoundError:
            return None
        return {"files": files, "found": found}


def unpacked(content: bytes) -> list[bytes]:
    """What begins as gzip does in the bytes, unpacked as far as it goes."""
    found, at = [], content.find(GZIP)
    while at >= 0:
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompressobj(31).decompress(content[at:]))
        at = content.find(GZIP, at + 1)
    return found


def until(look: Callable[[], Any], what: str) -> Any:
    """What the look gives once it is something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit(f"{what} after {PATIENCE_S:g} s")


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def control(cluster: Cluster) -> ThreadingHTTPServer:
    """The server that does to the cluster what a test asks for, one thing at a time."""
    lock = threading.Lock()

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(url.query).items()}
            actions = {"/tables": cluster.tables, "/grep": lambda: cluster.grep(given["text"])}
            actions["/column"] = lambda: cluster.column(given["node"], given["sql"])
            self._answer(actions.get(url.path))

        def do_POST(self) -> None:
            actions = {
                "/kill-leader": cluster.kill_leader,
                "/pause-leader": cluster.pause_leader,
                "/restart": cluster.restart,
                "/wipe": cluster.wipe,
            }
            self._answer(actions.get(self.path))

        def _answer(self, action: Callable[[], object] | None) -> None:
            status, answer = 404, {"error": f"there is no {self.path}"}
            if action is not None:
                try:
                    with lock:
                        status, answer = 200, action()
                except BaseException as error:
                    status, answer = 500, {"error": repr(error)}
                    print(f"{self.path}: {error!r}", file=sys.stderr)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> int:
    """Runs the command beside the cluster, and ends as it ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--secured", action="store_true")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    program = os.environ.get("KNOCKER_RQLITED")
    if not program:
        print("NOT TESTED HERE: rqlite, because KNOCKER_RQLITED names no rqlited")
        return 0
    # So that a run that is ended leaves no node behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="knocker-rqlite-") as folder:
        cluster = Cluster(program, Path(os.environ["KNOCKER_EXTENSION"]), Path(folder), given.nodes, given.secured)
        try:
            cluster.start()
            server = control(cluster)
            environment = {"KNOCKER_RQLITE_URL": cluster.url, "KNOCKER_RQLITE_CONTROL": f"http://127.0.0.1:{server.server_port}"}
            if cluster.lock is not None:
                environment["SSL_CERT_FILE"] = str(cluster.lock.certificate)
            return subprocess.run(given.command, env={**os.environ, **environment}, check=False).returncode
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
