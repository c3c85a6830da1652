"""Load over HTTP: keep-alive connections in a process of their own, so that the client does not share the server's interpreter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from disks import slowed_down
from knocker.request import pairs
from receives import request_of

HERE = Path(__file__).resolve().parent


def measure(folder: Path, app: str, port: int, connections: int, total: int, delay_ms: int = 0) -> tuple[float, float]:
    """Requests a second, and the share of a core that the server used meanwhile."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    environment = {**os.environ, "BENCH_DB": str(folder / f"http-{app}.db"), "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}"}
    command = [*slowed_down(delay_ms), sys.executable, "-m", "uvicorn", f"http_app:{app}", "--port", str(port), "--no-access-log"]
    with subprocess.Popen(command, cwd=HERE, env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if "running on" in line:
                    break
            before = _cpu_s(server.pid)
            load = [sys.executable, str(HERE / "http_load.py"), str(port), str(connections), str(total)]
            seconds = float(subprocess.run(load, env=environment, check=True, capture_output=True, text=True).stdout)
            used = _cpu_s(server.pid) - before
        finally:
            server.terminate()
            server.stderr.close()
    return total / seconds, used / seconds


def _cpu_s(pid: int) -> float:
    """User and system time of a process, where there is /proc."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def _send(port: int, connections: int, total: int) -> float:
    messages = []
    for n in range(total):
        request = request_of(n)
        head = "".join(f"{name}: {value}\r\n" for name, value in pairs(request.headers))
        head += f"Content-Length: {len(request.body)}\r\n"
        messages.append(f"POST /github HTTP/1.1\r\nHost: bench\r\n{head}\r\n".encode() + request.body)
    left = iter(messages)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for message in left:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(connections)))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(asyncio.run(_send(*map(int, sys.argv[1:4]))))
