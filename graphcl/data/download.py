"""Downloads that resume, are checked, and never leave half a file under its name."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import requests
from filelock import FileLock

from graphcl.core.errors import UserError
from graphcl.core.files import replacing

ATTEMPTS = 5
TIMEOUT = (10, 60)  # seconds to connect, and between two packets
BLOCK = 1 << 13  # bytes; what a cut connection costs at most


class DownloadError(UserError):
    """A file could not be fetched."""


def fetch(url: str, target: Path, sha256: str = "", *, pause: float = 1.0) -> str:
    """Make sure that ``target`` holds the file, downloading what is missing of it.

    A cut connection is taken up where it ended, now or by the next call. The file is checked against
    ``sha256``; without one, against the hash that the first download wrote beside it.

    Args:
        url: http or https.
        target: Its name appears when the file is complete and checked.
        sha256: Hexadecimal, or "".
        pause: Seconds before the second attempt; doubled with every further one.

    Returns:
        What is to be said, or "" when the file was there.

    Raises:
        DownloadError: not reachable after several attempts, or refused.
        UserError: not writable, or another file than expected.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(target) + ".lock"):
            if target.is_file():
                _check(target, sha256 or _pinned(target), f"delete {target} to fetch it again")
                return ""
            return _fetch(url, target, sha256, pause)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error


def fetch_zip(url: str, folder: Path, names: Iterable[str], sha256: str = "") -> str:
    """Make sure that ``folder`` holds these files, out of the zip file at ``url``; see :func:`fetch`.

    A file is found by its name, in whatever folder of the archive; nothing else is written.

    Returns:
        What is to be said, or "" when the files were there.

    Raises:
        UserError: see :func:`fetch`; or it is no zip file, or lacks one of the files.
    """
    wanted = [name for name in names if not (folder / name).is_file()]
    if not wanted:
        return ""
    target = folder / PurePosixPath(urlsplit(url).path).name
    note = fetch(url, target, sha256)
    try:
        with zipfile.ZipFile(target) as archive:
            members = {PurePosixPath(member).name: member for member in archive.namelist()}
            for name in wanted:
                if name not in members:
                    raise UserError(f"{target} does not hold {name}, but {', '.join(sorted(filter(None, members)))}")
                with replacing(folder / name) as temporary:
                    temporary.write_bytes(archive.read(members[name]))
    except zipfile.BadZipFile as error:
        raise UserError(f"{target} is no zip file ({error}); delete it to fetch it again") from error
    return note or f"unpacked {target.name}"


def sha256_of(path: Path) -> str:
    """The file's SHA-256, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, target: Path, sha256: str, pause: float) -> str:
    part = target.with_name(target.name + ".part")
    _attempts(url, part, pause)
    try:
        _check(part, sha256, f"the file at {url} has changed, or something stands between")
    except UserError:
        part.unlink()
        raise
    digest = sha256 or sha256_of(part)
    if not sha256:
        _pin(target).write_text(digest + "\n", encoding="ascii")
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(target)
    _tag(part).unlink(missing_ok=True)
    checked = "as published" if sha256 else f"no published checksum: pinned to {digest[:12]} at this first download"
    return f"downloaded {target.name} from {urlsplit(url).netloc} ({target.stat().st_size:,} bytes, {checked})"


def _attempts(url: str, part: Path, pause: float) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _continue(url, part)
        except requests.RequestException as error:
            if attempt == ATTEMPTS or not _passing(error):
                have = (
                    f" ({part.stat().st_size:,} bytes are kept, the next try goes on there)" if part.is_file() else ""
                )
                raise DownloadError(f"cannot download {url}: {_reason(error)}{have}") from error
            time.sleep(pause * 2 ** (attempt - 1))
    return None


def _continue(url: str, part: Path) -> None:
    """One request, for the bytes that are still missing. A file that changed meanwhile is begun anew."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"}
    tag = _tag(part).read_text(encoding="utf-8") if have and _tag(part).is_file() else ""
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag:
            headers["If-Range"] = tag
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416:  # nothing left, or another file: the checksum cannot tell, so begin anew
            part.unlink()
            raise requests.ConnectionError("the server has no such range")
        response.raise_for_status()
        goes_on = response.status_code == 206
        _tag(part).write_text(response.headers.get("ETag", ""), encoding="utf-8")
        with part.open("ab" if goes_on else "wb") as file:
            for block in response.iter_content(BLOCK):
                file.write(block)
        expected = response.headers.get("Content-Length")
        size = part.stat().st_size - (have if goes_on else 0)
        if expected is not None and size != int(expected):
            raise requests.ConnectionError(f"the connection ended after {size:,} of {int(expected):,} bytes")


def _passing(error: requests.RequestException) -> bool:
    """Whether another attempt may help: cut connections, time-outs, overloaded servers."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code == 429 or error.response.status_code >= 500
    if _no_name(error):
        return False
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _no_name(error: requests.RequestException) -> bool:
    """Whether the server's name was not found: without a network, or a wrong name, and no attempt helps."""
    cause = error.args[0] if error.args else None
    return type(getattr(cause, "reason", None)).__name__ == "NameResolutionError"  # of urllib3, which requests brings


def _reason(error: requests.RequestException) -> str:
    if _no_name(error):
        return "the server is not found; is there a network?"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server says {error.response.status_code} {error.response.reason}"
    return str(error).splitlines()[0][:200]


def _check(path: Path, sha256: str, advice: str) -> None:
    if sha256 and (found := sha256_of(path)) != sha256:
        raise UserError(f"{path.name} has SHA-256 {found[:12]}..., expected {sha256[:12]}...: {advice}")


def _pinned(target: Path) -> str:
    pin = _pin(target)
    return pin.read_text(encoding="ascii").strip() if pin.is_file() else ""


def _pin(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".etag")
