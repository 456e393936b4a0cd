"""The few things asked of an object store: read, write, write if absent, list.

obstore (Rust `object_store`) rather than s3fs: one wheel without dependencies, the same for S3, Google and
Azure, and it has the conditional PUT (`If-None-Match: *`) that committing needs; fsspec has no word for it.
Credentials come from the usual environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION,
AWS_ENDPOINT_URL for other S3-compatible servers, and those of Google and Azure.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot_rl.datasets.errors import DatasetError

THREADS = 16
"""Requests on their way at once."""


class StoreError(DatasetError):
    """The object store refused or could not be reached; the message says what it answered."""


class Objects:
    """The objects below one address."""

    def __init__(self, url: str) -> None:
        import obstore
        from obstore.store import from_url

        self.url, self._obstore = url, obstore
        options: Any = {"allow_http": os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")}
        retry: Any = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
        with _told(url):
            self._store: Any = from_url(url, client_options=options, retry_config=retry)

    def get(self, key: str) -> bytes | None:
        """The content of an object; None when there is none."""
        with _told(f"{self.url}/{key}"):
            try:
                return bytes(self._obstore.get(self._store, key).bytes())
            except FileNotFoundError:
                return None

    def put(self, key: str, data: bytes | Path) -> None:
        """Write an object whole, in place of the one there."""
        with _told(f"{self.url}/{key}"):
            self._obstore.put(self._store, key, data)

    def create(self, key: str, data: bytes) -> bool:
        """Write an object where there is none; False where there is one."""
        with _told(f"{self.url}/{key}"):
            try:
                self._obstore.put(self._store, key, data, mode="create")
            except self._obstore.exceptions.AlreadyExistsError:
                return False
            return True

    def delete(self, key: str) -> None:
        """Remove an object; does nothing where there is none."""
        with _told(f"{self.url}/{key}"):
            try:
                self._obstore.delete(self._store, key)
            except FileNotFoundError:
                return

    def keys(self, prefix: str, after: str | None = None) -> Iterator[str]:
        """Keys below a prefix that come after `after` in the order of their characters."""
        with _told(f"{self.url}/{prefix}"):
            for page in self._obstore.list(self._store, prefix, offset=after):
                yield from (entry["path"] for entry in page)

    def folders(self, prefix: str) -> list[str]:
        """Names directly below a prefix that have objects below them."""
        with _told(f"{self.url}/{prefix}"):
            found = self._obstore.list_with_delimiter(self._store, prefix)["common_prefixes"]
        return [path.rstrip("/").rpartition("/")[2] for path in found]

    def upload(self, files: Mapping[str, Path]) -> None:
        """Write files by key, several at once."""
        _all(lambda item: self.put(*item), files.items())

    def download(self, keys: Mapping[str, tuple[Path, str]]) -> None:
        """Read objects by key, each to a file, several at once, and compare with their SHA-256.

        Raises:
            StoreError: an object is missing or is not what was committed.
        """
        _all(lambda item: self._download(item[0], *item[1]), keys.items())

    def many(self, keys: list[str]) -> list[bytes | None]:
        """The content of several objects, read at once."""
        return _all(self.get, keys)

    def _download(self, key: str, path: Path, digest: str) -> None:
        found = hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        with _told(f"{self.url}/{key}"), path.open("wb") as file:
            try:
                for part in self._obstore.get(self._store, key):
                    file.write(part)
                    found.update(part)
            except FileNotFoundError:
                raise StoreError(f"{self.url}/{key} is missing, though its episode is committed") from None
        if found.hexdigest() != digest:
            raise StoreError(f"{self.url}/{key} is not what was committed (SHA-256 differs)")


def _all(job: Callable[[Any], Any], items: Any) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(job, items))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn the store's exceptions into one line that names the object."""
    import obstore

    try:
        yield
    except (obstore.exceptions.BaseError, FileNotFoundError, PermissionError) as error:
        line = str(error).splitlines()[0]
        raise StoreError(f"{what}: {line}; check address, credentials (AWS_...) and network") from None
