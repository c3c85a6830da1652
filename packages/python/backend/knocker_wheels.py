"""Makes a wheel for each platform of a release around the library and the command that were built for it, and the source distribution.

    python knocker_wheels.py OUT PLATFORMS     PLATFORMS/NAME/ holds the files of the platform of that name in release/platforms.json

maturin writes the metadata, and would build the command once more for the rest. The same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import knocker_build

NO_TIME = (1980, 1, 1, 0, 0, 0)


def main(out: Path, platforms: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    known = json.loads((knocker_build.WORKSPACE / "release" / "platforms.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / knocker_build.prepare_metadata_for_build_wheel(folder)
        for platform in known:
            if (platforms / platform["name"]).is_dir():
                print(write_wheel(out, metadata, platform, platforms / platform["name"]))
    print(out / knocker_build.build_sdist(str(out)))


def write_wheel(out: Path, metadata: Path, platform: dict[str, Any], built: Path) -> Path:
    name = metadata.name.removesuffix(".dist-info")
    files = dict(package_files())
    files[f"knocker/{platform['file']}"] = (built / platform["file"]).read_bytes()
    command = f"{name}.data/scripts/{platform['program']}"
    files[command] = (built / platform["program"]).read_bytes()
    for path in metadata.rglob("*"):
        if path.is_file():
            files[f"{metadata.name}/{path.relative_to(metadata).as_posix()}"] = path.read_bytes()
    tag = f"py3-none-{platform['wheel']}"
    description = f"{metadata.name}/METADATA"
    files[description] = knocker_build.with_readme(files[description])
    wheel = f"{metadata.name}/WHEEL"
    files[wheel] = re.sub(rb"(?m)^Tag: .*$", f"Tag: {tag}".encode(), files[wheel])
    record = f"{metadata.name}/RECORD"
    lines = [f"{file},sha256={digest(content)},{len(content)}\n" for file, content in sorted(files.items())]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    target = out / f"{name}-{tag}.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        # The metadata last, as the format asks.
        for file in sorted(files, key=lambda file: (file.startswith(metadata.name), file)):
            entry = zipfile.ZipInfo(file, NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if file == command else 0o100644) << 16
            packed.writestr(entry, files[file])
    return target


def package_files() -> Iterator[tuple[str, bytes]]:
    """What git knows of the package's modules."""
    source = knocker_build.PACKAGE / "src"
    for path in knocker_build.tracked(source, "."):
        yield path, (source / path).read_bytes()


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
