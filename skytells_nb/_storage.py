"""Where several machines keep files: a folder, or a bucket of an object store, behind five verbs.

A file is called ``folder/name``. It is put whole or not at all, and only where there is none unless it is
to be replaced, so that whoever comes second is told. Nothing is ever renamed, which no object store can do.
"""

from __future__ import annotations

import configparser
import contextlib
import errno
import io
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .checks import expected, require_package
from .exceptions import InvalidInputError, SkytellsError

_AT_ONCE: Final = 16
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Listed(NamedTuple):
    """A file that is there, of so many bytes; its version is another one whenever its content is."""

    name: str
    version: str
    size: int


class Storage(Protocol):
    """Put, open, exists, list, delete; `SkytellsError` says what to do where the place refuses."""

    place: str

    def put(self, name: str, data: bytes | Path, *, replace: bool = False) -> str | None:
        """Write a whole file and return its version; None where there is one that is not to be replaced."""

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading; FileNotFoundError where there is none."""

    def exists(self, name: str) -> bool: ...

    def list(self, folder: str = "") -> Iterator[Listed]:
        """List the files of one folder, or of all folders."""

    def delete(self, name: str) -> None: ...


def is_url(place: object) -> bool:
    """Whether this is the URL of a place, rather than a path."""
    return isinstance(place, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", place) is not None


def as_text(place: str | os.PathLike[str]) -> str:
    """Return a path or a URL as text, and a URL that was made a path, ``s3:/bucket``, as one again."""
    slashes = {"file": ":///"}
    return re.sub(
        r"^(s3|gs|az|file):/(?!/)", lambda found: found[1] + slashes.get(found[1], "://"), os.fspath(place)
    )


def open_storage(place: str | Path, *, endpoint: str | None = None) -> Storage:
    """Return the place that a path or a URL names; nothing is asked of it yet."""
    if not is_url(place):
        return Folder(Path(place))
    parts = urlsplit(str(place))
    if parts.scheme == "file" and parts.path.strip("/") and parts.netloc in ("", "localhost"):
        return Folder(Path(url2pathname(parts.path)), str(place))
    if parts.scheme not in ("s3", "gs", "az") or not parts.netloc or parts.query or parts.fragment:
        raise expected("the place", "a URL such as s3://bucket/prefix, gs://…, az://… or file:///…", place)
    return Bucket(str(place), endpoint)


def require_write_once(store: Storage, name: str, data: bytes) -> bool:
    """Put a file if absent, and return whether it was there already.

    Not all that speak S3 know conditional writes, and those that do not overwrite without a word: they raise.
    """
    if store.put(name, data) is None:
        return True
    if store.put(name, data) is not None:
        raise SkytellsError(
            f"{store.place} overwrites what is there, though asked not to, so machines would undo each "
            "other's work. Use a store that knows If-None-Match, such as S3 or a current MinIO.",
            charged=False,
        )
    return False


def write_to(path: Path, data: bytes) -> None:
    """Write bytes to a file of this name, made anew, and down to the disk; on failure there is none."""
    try:
        with open(path, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path to write to, which takes the target's place once all of it is written."""
    part = target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}.part")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


class Folder:
    """Files in a folder, which may be on a disk of the network; it is made with the first `put`.

    ``place`` is what errors call it.
    """

    def __init__(self, root: Path, place: str | None = None) -> None:
        self.root = root
        self.place = place or str(root)

    def put(self, name: str, data: bytes | Path, *, replace: bool = False) -> str | None:
        """Write under another name first, then link, which fails where somebody was faster."""
        with self._errors("written"):
            target = self._at(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}.part")
            try:
                write_to(part, data if isinstance(data, bytes) else data.read_bytes())
                version = _version(part.stat())
                if not replace:
                    try:
                        os.link(part, target)
                        return version
                    except FileExistsError:
                        return None
                    except OSError as error:  # a disk without links, such as a mounted drive of Colab's
                        if error.errno not in _NO_LINKS:
                            raise
                        if target.exists():
                            return None
                os.replace(part, target)
                return version
            finally:
                part.unlink(missing_ok=True)

    def open(self, name: str) -> BinaryIO:
        with self._errors("read"):
            return open(self._at(name), "rb")

    def exists(self, name: str) -> bool:
        return self._at(name).is_file()

    def list(self, folder: str = "") -> Iterator[Listed]:
        """List the files of one folder, or of all; what begins with a dot is none of ours."""
        with self._errors("listed"):
            for each in [folder] if folder else [entry.name for entry in self._entries("")]:
                for entry in self._entries(each):
                    if entry.is_file(follow_symlinks=False):
                        found = entry.stat()
                        yield Listed(f"{each}/{entry.name}", _version(found), found.st_size)

    def _entries(self, folder: str) -> Sequence[os.DirEntry[str]]:
        try:
            found = list(os.scandir(self.root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted((each for each in found if each.name[0] != "."), key=lambda entry: entry.name)

    def delete(self, name: str) -> None:
        """Delete a file, and its folder when nothing else is in it."""
        with self._errors("changed"):
            path = self._at(name)
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def _at(self, name: str) -> Path:
        return self.root / name

    @contextlib.contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refused(self.place, done, str(error.strerror or error), error) from error


def _version(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns}-{found.st_size}"


class Bucket:
    """Files in a bucket of S3 or its like, of Google Cloud Storage or of Azure, by way of obstore.

    ``url`` is such as ``s3://bucket/prefix``, ``endpoint`` the address of a server that speaks S3, such as
    MinIO; else ``AWS_ENDPOINT_URL`` of the environment. Region and credentials are those of the environment,
    as the store's own tools read it.
    """

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        self.place = url
        self._obstore: Any = require_package("obstore", url, extra="cluster")
        scheme = urlsplit(url).scheme
        options: dict[str, Any] = _aws_profile() if scheme == "s3" else {}
        if endpoint is not None:
            if scheme == "s3" and os.environ.get("AWS_ENDPOINT_URL_S3", endpoint) != endpoint:
                raise InvalidInputError(
                    f"endpoint={endpoint!r} and AWS_ENDPOINT_URL_S3 name two servers. Unset one of them."
                )
            options["endpoint"] = endpoint
        try:
            self._store = import_module("obstore.store").from_url(
                url,
                # A server at home speaks http. Minutes, because a video may be large and a line slow.
                client_options={"allow_http": True, "connect_timeout": "5s", "timeout": "5m"},
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
                **options,
            )
        except self._obstore.exceptions.BaseError as error:
            raise _refused(url, "used", str(error), error) from error

    def put(self, name: str, data: bytes | Path, *, replace: bool = False) -> str | None:
        mode = "overwrite" if replace else "create"
        try:
            # In one piece: the parts of an upload that was killed are seen by nobody, and
            # paid for (obstore's documentation of `put`).
            with self._errors("written"):
                return str(
                    self._obstore.put(self._store, name, data, mode=mode, use_multipart=False)["e_tag"]
                )
        except FileExistsError:
            return None

    def open(self, name: str) -> BinaryIO:
        with self._errors("read"):
            return io.BytesIO(self._obstore.get(self._store, name).bytes().to_bytes())

    def exists(self, name: str) -> bool:
        try:
            with self._errors("read"):
                self._obstore.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def list(self, folder: str = "") -> Iterator[Listed]:
        """List the objects of one folder, or of all: many folders at once, since a page is a thousand."""
        if folder:
            yield from self._listed(folder)
            return
        with self._errors("listed"):
            folders = sorted(self._obstore.list_with_delimiter(self._store)["common_prefixes"])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for found in pool.map(self._listed, [each for each in folders if each[0] != "."]):
                yield from found

    def _listed(self, folder: str) -> Sequence[Listed]:
        with self._errors("listed"):
            found = self._obstore.list(self._store, folder).collect()
        return sorted(Listed(each["path"], str(each["e_tag"]), each["size"]) for each in found)

    def delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._errors("changed"):
            self._obstore.delete(self._store, name)

    @contextlib.contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except self._obstore.exceptions.AlreadyExistsError as error:
            raise FileExistsError(str(error)) from None
        except (OSError, self._obstore.exceptions.BaseError) as error:
            if isinstance(error, FileNotFoundError) and not _NO_BUCKET.search(str(error)):
                raise
            raise _refused(self.place, done, str(error), error) from error


def _aws_profile() -> dict[str, str]:
    """Read ``~/.aws`` as Amazon's tools do, where the environment names no credentials; obstore does not."""
    own = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if any(os.environ.get(name) for name in own):
        return {}
    home = Path.home() / ".aws"
    profile = os.environ.get("AWS_PROFILE") or "default"
    files = configparser.ConfigParser(interpolation=None)
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        files.read(os.environ.get("AWS_CONFIG_FILE") or home / "config", "utf-8")
        files.read(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials", "utf-8")
    found: dict[str, str] = {}
    for section in (f"profile {profile}", profile):
        found |= dict(files[section]) if section in files else {}
    names = {
        "aws_access_key_id": "access_key_id",
        "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token",
    }
    if not os.environ.get("AWS_REGION") and not os.environ.get("AWS_DEFAULT_REGION"):
        names["region"] = "region"
    if not endpoint_of("s3://"):
        names["endpoint_url"] = "endpoint"
    return {ours: found[theirs] for theirs, ours in names.items() if found.get(theirs)}


def endpoint_of(url: str) -> str:
    """Return the server that the environment names for a kind of URL; empty for the store's own."""
    named = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") if url.startswith("s3:") else ()
    return next((os.environ[name] for name in named if os.environ.get(name)), "")


_NO_BUCKET: Final = re.compile(r"NoSuchBucket|ContainerNotFound|specified bucket does not exist")
_REFUSALS: Final = (
    (_NO_BUCKET, "there is no such bucket", "Make it with the store's own tools, or correct its name"),
    (
        re.compile(r"169\.254\.169\.254|metadata\.google|MissingAccount|Account must be|NoSignRequest"),
        "no credentials were found",
        "Set those of the store in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        re.compile(r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|\b401 "),
        "the store does not know these credentials",
        "Set the right ones in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        re.compile(r"\b507 |StorageFull|QuotaExceeded|minimum free drive|No space left|disk quota", re.I),
        "it is full",
        "Make room there, or ask for a larger quota",
    ),
    (
        re.compile(r"AccessDenied|\b403 |Permission ?denied|Read-only|not permitted", re.I),
        "it refuses permission",
        "Allow these credentials to list the place, and to read, write and delete in it",
    ),
    (
        re.compile(r"incorrectly configured region|AuthorizationHeaderMalformed|IllegalLocation"),
        "the bucket is in another region",
        "Set AWS_REGION to the bucket's own",
    ),
    (
        re.compile(r"error sending request|builder error|timed out|dns error|error trying to connect"),
        "its server does not answer",
        "Check the network, and endpoint= or AWS_ENDPOINT_URL",
    ),
)


def _refused(place: str, done: str, text: str, error: BaseException) -> SkytellsError:
    """Say why a place refused something, and what to do."""
    plain = " ".join(text.partition("Debug source")[0].split())
    for pattern, what, remedy in _REFUSALS:
        if pattern.search(text):
            if isinstance(error, OSError) and error.filename is not None:  # a disk, and no store
                remedy = "Choose a folder that may be written"
            return SkytellsError(f"{place} cannot be {done}: {what}. {remedy}.", detail=plain, charged=False)
    said = re.search(r"<Message>(.*?)</Message>", plain)
    why = (said[1] if said else plain)[:300].rstrip(".")
    return SkytellsError(
        f"{place} cannot be {done}: {why}. Check its name and its permissions.", detail=plain, charged=False
    )
