"""The quick start of Python, served, with its worker."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import knocker

SHOWN_PORT = 8000
PORT = os.environ["PORT"]

source = Path(__file__).resolve().parents[2] / "python/quickstart.py"
Path("quickstart.py").write_text(source.read_text())
environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(knocker.__file__).parents[1]), "."])}
with open("log", "w") as log:
    programs = [
        subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=log, stderr=log)
        for command in (["uvicorn", "quickstart:app", "--port", PORT], ["knocker", "worker", "quickstart:hooks"])
    ]
try:
    while "worker started" not in Path("log").read_text():
        time.sleep(0.05)
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/webhooks/stripe")
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.05)
    print("working", flush=True)
    sys.stdin.read()
finally:
    for program in programs:
        program.terminate()
        program.wait()
