"""The register of releases: what happened to each, which one is current, at which Delta versions.

Everything is read back from the events of ``ops/release``; nothing else remembers a state. A release goes
BUILDING, AUDITED or REJECTED, APPROVED (one event a signature), PUBLISHED, and perhaps ROLLED_BACK.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import structlog
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import tables
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import LakeError, UsageError
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake, Written, peek
from dtsen_spark.ledger import utc_now

log = structlog.get_logger(__name__)

_AUDIT: Final = "audit"
_DONE: Final = "DONE"
_DECISIONS: Final = tables.decision("").layer
# Replacing a table mostly waits for its plan and its commit: a few go side by side.
_TABLES_AT_ONCE: Final = 3


class State(StrEnum):
    """State of a release: its last event."""

    BUILDING = "BUILDING"
    AUDITED = "AUDITED"
    REJECTED = "REJECTED"
    APPROVED = "APPROVED"
    PUBLISHED = "PUBLISHED"
    ROLLED_BACK = "ROLLED_BACK"


@dataclass(frozen=True)
class Release:
    """A release as its events tell it.

    Attributes:
        release_id: ``<period>.<revision>``.
        period: Quarter or month.
        state: Last event.
        audit_run: Run whose audit the release stands on.
        signatures: Who signed that audit, by role.
        tables: Delta version, rows and content hash of each published table, by path.
        detail: Facts of the last event.
        manifest: Signed manifest, from ``manifest.signed``; empty before publication.
    """

    release_id: str
    period: str
    state: State
    audit_run: str = ""
    signatures: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Written] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """Number after the period."""
        return int(self.release_id.rsplit(".", 1)[1])


def contract_of(path: str) -> TableContract | None:
    """Return the contract of a published table by its path, None where the table is not published."""
    layer, _, name = path.partition("/")
    if layer == _DECISIONS:
        return tables.decision(name)
    return next((table for table in tables.TABLES if table.path == path and table.published), None)


def events_of(root: Path) -> list[dict[str, Any]]:
    """Return every event of a lake's releases, oldest first; reads no Spark, so that a report needs none.

    Args:
        root: Root of the lake.
    """
    return sorted(peek(root, tables.RELEASE), key=lambda event: (event[c.RECORDED_AT], event[c.RELEASE_ID]))


def chain_of(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the published releases in order, without those that were rolled back.

    Args:
        events: Events, oldest first.
    """
    chain: list[str] = []
    for event in events:
        if event[c.STATE] == State.PUBLISHED:
            # A release that was renewed keeps its place.
            if event[c.RELEASE_ID] not in chain:
                chain.append(event[c.RELEASE_ID])
        elif event[c.STATE] == State.ROLLED_BACK and event[c.RELEASE_ID] in chain:
            chain.remove(event[c.RELEASE_ID])
    return chain


def previous_in(chain: Sequence[str], release_id: str) -> str | None:
    """Return the release that was the current one before a release was published, or would be.

    Args:
        chain: From ``chain_of``.
        release_id: The release, published or not.
    """
    older = chain[: chain.index(release_id)] if release_id in chain else chain
    return older[-1] if older else None


class Registry:
    """Releases of one lake."""

    def __init__(self, lake: Lake) -> None:
        """Open the registry.

        Args:
            lake: The lake; who changes anything holds it.
        """
        self.lake = lake

    def events(self) -> list[dict[str, Any]]:
        """Return every event, oldest first; a handful for each release."""
        return events_of(self.lake.root)

    def releases(self) -> dict[str, Release]:
        """Return every release by id, in the order of their first event."""
        found: dict[str, Release] = {}
        for event in self.events():
            release_id = event[c.RELEASE_ID]
            known = found.get(release_id)
            state = State(event[c.STATE])
            audit_run, signatures = (known.audit_run, dict(known.signatures)) if known else ("", {})
            stands = dict(known.tables) if known else {}
            manifest = known.manifest if known else {}
            detail = json.loads(event[c.DETAIL] or "{}")
            match state:
                case State.AUDITED:
                    # A signature holds for what was signed: another audit needs another one.
                    signatures = signatures if audit_run == event[c.RUN_ID] else {}
                    audit_run = event[c.RUN_ID]
                case State.APPROVED:
                    signatures[event[c.ROLE]] = event[c.ACTOR]
                case State.PUBLISHED:
                    stands, manifest = _parse_tables(event[c.TABLES_JSON]), detail
            found[release_id] = Release(
                release_id, event[c.PERIOD], state, audit_run, signatures, stands, detail, manifest
            )
        return found

    def current(self) -> str | None:
        """Return the release that outsiders read, None before the first publication."""
        chain = self.published_chain()
        return chain[-1] if chain else None

    def require_current(self, what_for: str) -> str:
        """Return the release that outsiders read.

        Args:
            what_for: What it is wanted for, as a verb, for the message.

        Raises:
            UsageError: Nothing was published.
        """
        release_id = self.current()
        if release_id is None:
            message = f"{self.lake.root}: no published release to {what_for}; 'dtsen publish' makes one"
            raise UsageError(message)
        return release_id

    def published_versions(self) -> dict[str, int]:
        """Return the Delta version of every table of the current release, by path.

        A reader that uses them never sees a publication that is half done.
        """
        current: dict[str, int] = {}
        for event in self.events():
            if event[c.TABLES_JSON]:
                current = {path: one.version for path, one in _parse_tables(event[c.TABLES_JSON]).items()}
        return current

    def versions_by_period(self) -> dict[str, dict[str, int]]:
        """Return, for each period, the Delta versions of its newest published release, in order of publication."""
        releases = self.releases()
        return {
            releases[release_id].period: {path: one.version for path, one in releases[release_id].tables.items()}
            for release_id in self.published_chain()
        }

    def published_chain(self) -> list[str]:
        """Return the published releases in order, without those that were rolled back."""
        return chain_of(self.events())

    def published_ever(self) -> list[str]:
        """Return every release that was ever published, those that were rolled back as well, sorted."""
        return sorted({event[c.RELEASE_ID] for event in self.events() if event[c.STATE] == State.PUBLISHED})

    def is_published(self, period: str) -> bool:
        """Say whether the newest release of a period is published."""
        newest = self._newest(period)
        return newest is not None and newest.state is State.PUBLISHED

    def release_of(self, period: str) -> str:
        """Return the newest release of a period.

        Raises:
            UsageError: The period has none.
        """
        newest = self._newest(period)
        if newest is None:
            message = f"--period {period}: no release in this lake; run 'dtsen run --period {period}' first"
            raise UsageError(message)
        return newest.release_id

    def _newest(self, period: str) -> Release | None:
        of_period = [release for release in self.releases().values() if release.period == period]
        return max(of_period, key=lambda release: release.revision, default=None)

    def _release(self, release_id: str) -> Release:
        releases = self.releases()
        if release_id not in releases:
            known = ", ".join(sorted(releases)) or "none"
            message = f"{release_id}: no such release; there are: {known}"
            raise UsageError(message)
        return releases[release_id]

    def open(self, period: str, *, revise: bool) -> str:
        """Return the release that a run of a period works on, opening it where needed.

        Args:
            period: Period of the run.
            revise: Open the next revision of a published period.

        Returns:
            The unfinished release of the period, else the next revision.
        """
        newest = self._newest(period)
        if newest is None:
            release_id = f"{period}.1"
        elif newest.state is State.ROLLED_BACK or (newest.state is State.PUBLISHED and revise):
            release_id = f"{period}.{newest.revision + 1}"
        else:
            release_id = newest.release_id
            if newest.state in {State.BUILDING, State.PUBLISHED}:
                return release_id
        # From here on the build may change: what an earlier audit said of it no longer lets it be published.
        self._append(release_id, State.BUILDING)
        return release_id

    def conclude(self, release_id: str, run_id: str, *, passed: bool, failed: Sequence[str]) -> None:
        """Enter the gate's verdict.

        Args:
            release_id: The release.
            run_id: The run that asked the gate.
            passed: Whether the gate lets the release through.
            failed: Names of the checks that stopped it.
        """
        state = State.AUDITED if passed else State.REJECTED
        # The run that did the audit, not the one that found it done: signatures of an unchanged build stand.
        audit_run = self._audit_run(release_id) or run_id
        self._append(release_id, state, run_id=audit_run, detail={"failed": sorted(failed)})

    def _audit_run(self, release_id: str) -> str | None:
        if not self.lake.exists(tables.RUN):
            return None
        done = (F.col(c.RELEASE_ID) == release_id) & (F.col(c.STAGE) == _AUDIT) & (F.col(c.STATE) == _DONE)
        newest = self.lake.read(tables.RUN).where(done).orderBy(F.col(c.RECORDED_AT).desc()).select(c.RUN_ID).first()
        return str(newest[0]) if newest else None

    def approve(self, release_id: str, role: str, name: str, signoff_roles: Sequence[str]) -> None:
        """Sign an audited release in a role; the same signature again changes nothing.

        Args:
            release_id: The release.
            role: Role that signs, one of ``signoff_roles``.
            name: Who signs.
            signoff_roles: Roles that the configuration asks for.

        Raises:
            UsageError: The release is not audited, the role is none of the configuration's, or four eyes are broken.
        """
        release = self._release(release_id)
        signer = " ".join(name.split())
        if not signer:
            message = "--name: say who signs"
            raise UsageError(message)
        if role not in signoff_roles:
            roles = ", ".join(signoff_roles) or "none"
            message = f"--role {role}: no role that must sign; release.signoff_roles: {roles}"
            raise UsageError(message)
        if release.state not in {State.AUDITED, State.APPROVED}:
            message = f"{release_id} is {release.state}; only an audited release can be signed"
            raise UsageError(message)
        signed = release.signatures.get(role)
        if signed is not None and _same(signed, signer):
            return
        if signed is not None:
            message = f"{release_id}: role {role} has signed already"
            raise UsageError(message)
        if others := [r for r, who in release.signatures.items() if _same(who, signer)]:
            message = f"{release_id}: this person has signed as {others[0]}; nobody signs in two roles"
            raise UsageError(message)
        self._append(release_id, State.APPROVED, role=role, actor=signer, run_id=release.audit_run)

    def publish(
        self,
        release_id: str,
        built: Mapping[str, Written],
        *,
        run_id: str,
        signoff_roles: Sequence[str],
        sign: Callable[[Mapping[str, Written]], Mapping[str, Any]] | None = None,
    ) -> bool:
        """Make an audited, signed release the current one.

        Each table is replaced by the build's, then one row of the registry says that it is published and at which
        versions. Killed in between, the registry still names the release before; the next call writes all tables
        again and finishes.

        Args:
            release_id: The release.
            built: What the build's stages wrote, by table path.
            run_id: The run that publishes.
            signoff_roles: Roles that must have signed.
            sign: Makes the signed manifest of what was published; it is entered with the publication.

        Returns:
            False where the release was published before: nothing was changed.

        Raises:
            UsageError: The release is not audited, or a signature is missing.
            LakeError: A table's rows are not those that were audited.
        """
        release = self._release(release_id)
        if release.state is State.PUBLISHED:
            return False
        if release.state not in {State.AUDITED, State.APPROVED}:
            failed = f" ({', '.join(release.detail['failed'])})" if release.detail.get("failed") else ""
            message = f"{release_id} is {release.state}{failed}; only an audited release can be published"
            raise UsageError(message)
        if missing := [role for role in signoff_roles if role not in release.signatures]:
            message = f"{release_id}: not signed by {', '.join(missing)}; see 'dtsen approve'"
            raise UsageError(message)
        wanted = [(table, built[path]) for path in sorted(built) if (table := contract_of(path)) is not None]
        with ThreadPoolExecutor(_TABLES_AT_ONCE) as pool:
            # All are waited for, and an error of one is the publication's: only a whole release is entered below.
            written = list(pool.map(lambda one: self._replace(release, *one), wanted))
        published = {table.path: one for (table, _), one in zip(wanted, written, strict=True)}
        if not published:
            message = f"{release_id}: the build has no table to publish; run every stage first"
            raise UsageError(message)
        manifest = sign(published) if sign else None
        self._append(release_id, State.PUBLISHED, run_id=run_id, written=published, detail=manifest)
        log.info("published", release=release_id, tables=len(published))
        return True

    def _replace(self, release: Release, table: TableContract, audited: Written) -> Written:
        rows = self.lake.read(table, build=release.release_id)
        slice_values = {c.PERIOD: release.period} if table.slice_by == (c.PERIOD,) else None
        written = self.lake.write(table, rows, slice_values=slice_values)
        if (written.rows, written.content_hash) != (audited.rows, audited.content_hash):
            message = (
                f"{table.path}: the build has {written.rows:,} rows and another content than the {audited.rows:,} "
                f"that were audited; {release.release_id} is not published, run it again"
            )
            raise LakeError(message)
        return written

    def adopt(self, release_id: str, written: Mapping[str, Written]) -> None:
        """Enter a release that another lake published, of which this one holds a part.

        Args:
            release_id: The release.
            written: What this lake holds of it, by table path.
        """
        self._append(release_id, State.PUBLISHED, written=written)

    def renewed(self, remade: Mapping[str, Written | None]) -> list[dict[str, Any]]:
        """Return the events of published tables that are made anew, such as by an erasure: earlier versions are gone.

        The current release names the new tables; earlier ones no longer name them, except where a table keeps every
        period.

        Args:
            remade: What was written, by table path.

        Returns:
            Rows for ``ops/release``.
        """
        if not remade:
            return []
        chain, releases, now = self.published_chain(), self.releases(), utc_now()
        rows = []
        for number, release_id in enumerate(chain):
            current = release_id == chain[-1]
            stands = {path: one for path, one in releases[release_id].tables.items() if path not in remade}
            for path, written in remade.items():
                table = contract_of(path)
                if written and table and path in releases[release_id].tables and (current or table.slice_by):
                    stands[path] = written
            # The manifest stays what was signed when the release was published.
            row = self._row(release_id, State.PUBLISHED, detail=releases[release_id].manifest)
            # In the order of the chain: the registry reads its events by time.
            rows.append(
                {**row, c.TABLES_JSON: _tables_json(stands), c.RECORDED_AT: now + timedelta(microseconds=number)}
            )
        return rows

    def rollback(self, to: str) -> None:
        """Go back to an earlier published release: every table gets its rows again, by a new Delta version.

        Args:
            to: The release.

        Raises:
            UsageError: It was never published, or was rolled back itself.
        """
        chain = self.published_chain()
        if to not in chain:
            message = f"--to {to}: no published release; there are: {', '.join(chain) or 'none'}"
            raise UsageError(message)
        later = chain[chain.index(to) + 1 :]
        if not later:
            return
        releases = self.releases()
        target = releases[to].tables
        restored = {}
        for path in sorted({path for release_id in (to, *later) for path in releases[release_id].tables}):
            table = contract_of(path)
            if table is None:
                continue
            if path in target:
                self.lake.restore(table, target[path].version)
                restored[path] = Written(target[path].rows, target[path].content_hash, self.lake.version(table))
            else:
                # The table began with a release that is taken back: its rows leave with it.
                for release_id in later:
                    self.lake.clear(table, {c.RELEASE_ID: release_id})
        rows = [self._row(release_id, State.ROLLED_BACK, detail={"to": to}) for release_id in reversed(later)]
        # One append for all, so that the registry names one current release at any moment.
        rows[-1][c.TABLES_JSON] = _tables_json(restored)
        self.lake.append_rows(tables.RELEASE, rows)

    def _append(
        self,
        release_id: str,
        state: State,
        *,
        role: str | None = None,
        actor: str | None = None,
        run_id: str | None = None,
        detail: Mapping[str, Any] | None = None,
        written: Mapping[str, Written] | None = None,
    ) -> None:
        row = self._row(release_id, state, role=role, actor=actor, run_id=run_id, detail=detail)
        if written:
            row[c.TABLES_JSON] = _tables_json(written)
        self.lake.append_rows(tables.RELEASE, [row])

    @staticmethod
    def _row(
        release_id: str,
        state: State,
        *,
        role: str | None = None,
        actor: str | None = None,
        run_id: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return {
            c.RELEASE_ID: release_id,
            c.PERIOD: Period.of_release(release_id).text,
            c.STATE: state.value,
            c.ROLE: role,
            c.ACTOR: actor,
            c.DETAIL: json.dumps(detail or {}, sort_keys=True),
            c.RUN_ID: run_id,
            c.RECORDED_AT: utc_now(),
        }


def _tables_json(written: Mapping[str, Written]) -> str:
    return json.dumps({path: asdict(one) for path, one in sorted(written.items())}, sort_keys=True)


def _parse_tables(text: str | None) -> dict[str, Written]:
    return {path: Written(**one) for path, one in json.loads(text or "{}").items()}


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
