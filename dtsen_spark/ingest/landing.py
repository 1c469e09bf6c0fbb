"""What lies in the landing zone: every batch, classed before Spark starts (landing contract, sections 1 and 1.1)."""

import hashlib
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from dtsen_spark.errors import DeliveryMissingError
from dtsen_spark.ingest.manifest import MANIFEST, Manifest, RefusedError, is_batch_id, parse
from dtsen_spark.job import Period
from dtsen_spark.tables import LANDING, LandingTable

_MAX_MANIFEST_BYTES: Final = 64 * 2**20
_IGNORED: Final = ("_", ".")  # markers and checksums of the writers' file systems


class BatchClass(StrEnum):
    """What a run does with a batch."""

    READY = "READY"  # to be applied, unless bronze has it
    PENDING = "PENDING"  # no manifest yet: still being delivered
    WAITING = "WAITING"  # describes a day after the period
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Batch:
    """One batch of one table.

    Attributes:
        table: The landing table.
        batch_id: Its id, the name of its folder.
        folder: Its folder.
        state: What the run does with it.
        manifest: The manifest, where it could be read.
        manifest_sha256: SHA-256 of the manifest's bytes; empty where there is none.
        reason: Why it is refused.
    """

    table: LandingTable
    batch_id: str
    folder: Path
    state: BatchClass
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    reason: str = ""

    @property
    def path(self) -> str:
        """Path under the landing root."""
        return f"{self.table.path}/{self.batch_id}"

    @property
    def described(self) -> Manifest:
        """The manifest of a batch that is READY or WAITING."""
        if self.manifest is None:
            message = f"{self.path}: no manifest was read"
            raise RefusedError(message)
        return self.manifest


@dataclass(frozen=True)
class LandingPlan:
    """What a run finds in the landing zone.

    Attributes:
        batches: Every batch, by path.
        unknown: What stands under the root and is in no table of the contract, or in no batch; reported, never an
            error.
        fingerprint: SHA-256 over the manifests of READY and REFUSED batches and the sizes and times of their files:
            what ingest depends on.
    """

    batches: tuple[Batch, ...]
    unknown: tuple[str, ...]
    fingerprint: str

    def of(self, state: BatchClass) -> tuple[Batch, ...]:
        """Return the batches of one class."""
        return tuple(batch for batch in self.batches if batch.state is state)


def survey_landing(landing: Path, period: Period, known: frozenset[str] = frozenset()) -> LandingPlan:
    """Find and class every batch of the landing zone; plain Python, reads manifests only.

    Args:
        landing: Root of the deliveries.
        period: Period of the run: batches up to its last day are taken.
        known: Paths of landing tables that the lake holds an applied batch of.

    Returns:
        The plan.

    Raises:
        DeliveryMissingError: The root is missing, no folder or empty, it or a table's folder cannot be read, or a
            required table was never delivered for the period; the message lists every such table.
    """
    unknown, batches = _batches(landing, period)
    delivered = {batch.table.path for batch in batches if batch.state in (BatchClass.READY, BatchClass.REFUSED)}
    missing = [path for path, table in LANDING.items() if table.required and path not in delivered | known]
    if missing:
        found = {path: sorted({b.state.value.lower() for b in batches if b.table.path == path}) for path in missing}
        text = ", ".join(f"{path} ({' and '.join(states)} only)" if states else path for path, states in found.items())
        message = (
            f"{landing}: {len(missing)} required tables were never delivered up to {period.last_day}: {text}; "
            f"each needs a batch folder with {MANIFEST} (a batch of no rows is a delivery)"
        )
        raise DeliveryMissingError(message)
    return LandingPlan(batches, unknown, _fingerprint(batches))


def listing(folder: Path) -> list[Path]:
    """Return what stands in a folder by name, without markers and hidden files.

    Raises:
        RefusedError: The folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(_IGNORED))
    except OSError as error:
        message = f"folder cannot be read ({error.strerror})"
        raise RefusedError(message) from None


def _batches(landing: Path, period: Period) -> tuple[tuple[str, ...], tuple[Batch, ...]]:
    if not landing.is_dir():
        message = f"{landing}: no such landing folder; name the root of the deliveries with --landing"
        raise DeliveryMissingError(message)
    try:
        sources = listing(landing)
    except RefusedError as error:
        message = f"{landing}: {error}"
        raise DeliveryMissingError(message) from None
    if not sources:
        required = ", ".join(path for path, table in LANDING.items() if table.required)
        message = f"{landing}: the landing folder is empty; nothing was started. A first run needs {required}"
        raise DeliveryMissingError(message)
    known_sources = {table.source for table in LANDING.values()}
    unknown: list[str] = []
    batches: list[Batch] = []
    for source in sources:
        if source.name not in known_sources or not _is_folder(source):
            unknown.append(source.name)
            continue
        for folder in _children(source):
            path = f"{source.name}/{folder.name}"
            if path not in LANDING or not _is_folder(folder):
                unknown.append(path)
                continue
            children = _children(folder)
            found = [child for child in children if _is_folder(child)]
            batches += [_batch(LANDING[path], child, landing, period) for child in found]
            if beside := len(children) - len(found):
                # Not by name: a file that somebody left there may be called after a person.
                unknown.append(f"{path}: {beside} files outside of its batches")
    return tuple(sorted(unknown)), tuple(sorted(batches, key=lambda batch: batch.path))


def _is_folder(path: Path) -> bool:
    # What cannot be looked at is taken for a folder: the next step says that it cannot be read.
    try:
        return path.is_dir()
    except OSError:
        return True


def _children(folder: Path) -> list[Path]:
    try:
        return listing(folder)
    except RefusedError as error:
        # All deliveries of a source or table would be missing in silence.
        message = f"{folder}: {error}; let this user read the whole landing folder"
        raise DeliveryMissingError(message) from None


def _batch(table: LandingTable, folder: Path, landing: Path, period: Period) -> Batch:
    batch_id = folder.name
    path = folder / MANIFEST
    digest = ""
    try:
        if not _stands(path):
            return Batch(table, batch_id, folder, BatchClass.PENDING)
        content = _manifest_bytes(folder, landing)
        digest = hashlib.sha256(content).hexdigest()
        manifest = parse(content, table, batch_id)
    except RefusedError as error:
        return Batch(table, batch_id, folder, BatchClass.REFUSED, None, digest, str(error))
    state = BatchClass.WAITING if manifest.as_of > period.last_day else BatchClass.READY
    return Batch(table, batch_id, folder, state, manifest, digest)


def _stands(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        message = f"folder cannot be read ({error.strerror})"
        raise RefusedError(message) from None
    return True


def _manifest_bytes(folder: Path, landing: Path) -> bytes:
    if not is_batch_id(folder.name):
        message = "batch id: letters, digits and . _ : + @ = - only, at most 128"
        raise RefusedError(message)
    path = folder / MANIFEST
    try:
        real = path.resolve()
        status = path.stat()
    except (OSError, RuntimeError):
        message = "manifest: cannot be read"
        raise RefusedError(message) from None
    if not folder.resolve().is_relative_to(landing.resolve()):
        message = "its folder lies outside of the landing folder, behind a link; mount it there, or copy it"
        raise RefusedError(message)
    if real.parent != folder.resolve():
        message = "manifest: a link that leaves the batch's folder"
        raise RefusedError(message)
    # A pipe or a device would block the run for ever.
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_MANIFEST_BYTES:
        message = f"manifest: not a file of at most {_MAX_MANIFEST_BYTES:,} bytes"
        raise RefusedError(message)
    try:
        return path.read_bytes()
    except OSError:
        message = "manifest: cannot be read"
        raise RefusedError(message) from None


def _fingerprint(batches: tuple[Batch, ...]) -> str:
    # Size and time of change stand in for contents, so that a refused batch whose file was mended under the same
    # manifest, be it to the same size, is seen. A copy of the landing zone with other times is looked at again.
    digest = hashlib.sha256()
    for batch in batches:
        if batch.state in (BatchClass.READY, BatchClass.REFUSED):
            digest.update(f"{batch.path} {batch.manifest_sha256}\n".encode("utf-8", "surrogateescape"))
            for line in _files(batch.folder):
                digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(folder: Path) -> list[str]:
    try:
        found = [(path.name, path.lstat()) for path in listing(folder)]
    except (RefusedError, OSError):
        return ["cannot be read\n"]
    return [f"{name} {status.st_size} {status.st_mtime_ns}\n" for name, status in found]
