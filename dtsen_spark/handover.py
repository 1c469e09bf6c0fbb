"""The files for the ministry that runs a program: only what its contract allows, by region, with what proves them.

A folder holds one file for each kab/kota, ``data-dictionary.csv`` (and, for DCI, the JSON Schema of its lines), and
``manifest.json``, which is written last: no manifest, no delivery. Spark writes the files; the driver names and hashes
them.
"""

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark import privacy, session, tables
from dtsen_spark.config import conf_dir
from dtsen_spark.contract import TableContract
from dtsen_spark.errors import UsageError
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.ledger import utc_now
from dtsen_spark.programs import ProgramRules, program_at
from dtsen_spark.release import Registry, csv_safe, csv_writer, decisions_of, with_outcome

FORMS: Final = {"csv": "csv", "parquet": "parquet", "dci": "jsonl"}
MANIFEST: Final = "manifest.json"
DICTIONARY: Final = "data-dictionary.csv"
DCI_SCHEMA: Final = "dci-social.schema.json"

_REGION: Final = "region"
_KAB_DIGITS: Final = 4
_NO_REGION: Final = "0000"
_MOST_REGIONS: Final = 1000
_OF_FAMILY: Final = (c.NO_KK, c.MEMBERS)
_OF_PERSON: Final = (c.NIK, c.NAME, c.SEX, c.BIRTH_DATE)
_DCI_REGISTRY: Final = "ns:org:RegistryType:Social"
_UIN: Final = "UIN"


@dataclass(frozen=True)
class HandedOver:
    """What was written.

    Attributes:
        folder: Folder of the files.
        files: Files with units, one for each kab/kota.
        rows: Units.
    """

    folder: Path
    files: int
    rows: int


def hand_over(lake: Lake, program: str, out: Path, *, form: str = "csv", period: str | None = None) -> HandedOver:
    """Write who is in a program and who enters or leaves, for the ministry that runs it.

    Args:
        lake: The lake; the caller holds it, since the hand-over is entered in ``ops/access_log``.
        program: Program code.
        out: Folder; the files come to ``<out>/<program>/<release_id>/<form>``, replaced as a whole.
        form: ``csv``, ``parquet``, or ``dci`` (JSON lines in the names of the DCI social registry, api.spdci.org).
        period: Period; None = that of the current release.

    Returns:
        Folder and counts.

    Raises:
        UsageError: The form is unknown, the program was not published, or its rules allow no hand-over.
    """
    if form not in FORMS:
        message = f"--format {form}: choose {', '.join(FORMS)}"
        raise UsageError(message)
    # A task writes the files of its regions side by side: no row is sorted by region.
    writing = session.beside(lake.spark, {"spark.sql.maxConcurrentOutputFileWriters": str(_MOST_REGIONS)})
    registry = Registry(Lake(writing, lake.root))
    current = registry.require_current("hand over")
    period = period or Period.of_release(current).text
    rules = program_at(program, Period.parse(period))
    if rules.handover is None:
        message = f"--program {program}: conf/programs/{program}.yaml allows no hand-over (no section 'handover')"
        raise UsageError(message)
    decided = _concerned(with_outcome(registry, decisions_of(registry, program, period), program))
    release_id = [one for one in registry.published_chain() if Period.of_release(one).text == period][-1]
    rows = _with_persons(registry, decided, rules, period)
    folder = out / program / release_id / form
    part = folder.with_name(f".{form}.part")
    shutil.rmtree(part, ignore_errors=True)
    # The counts wait for their plan and their few last tasks, the files for theirs: side by side neither core does.
    with ThreadPoolExecutor(1) as counter:
        counting = counter.submit(_counts, decided)
        _write(rows, rules, part / "spark", form)
        counts = counting.result()
    files = _name_files(part, FORMS[form], counts)
    _write_dictionary(part / DICTIONARY, rules)
    if form == "dci":
        shutil.copyfile(conf_dir() / "handover" / DCI_SCHEMA, part / DCI_SCHEMA)
    manifest = _manifest(registry, rules, release_id, form, files, counts)
    (part / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    handed = HandedOver(folder, len(files), manifest["rows"])
    _log(lake, rules, release_id, handed)
    return handed


def _concerned(decided: DataFrame) -> DataFrame:
    """Keep who is in, enters or leaves; of all others the ministry learns nothing."""
    changes = (F.col(c.CHANGE) != "NONE") | (F.col(c.CHANGE_VS_RECIPIENT) != "NONE")
    region = F.coalesce(F.substring(c.REGION_CODE, 1, _KAB_DIGITS), F.lit(_NO_REGION))
    return decided.where((F.col(c.DECISION) == "SELECTED") | changes).withColumn(_REGION, region)


def _with_persons(registry: Registry, decided: DataFrame, rules: ProgramRules, period: str) -> DataFrame:
    wanted = set(rules.handover.columns) if rules.handover else set()
    versions = registry.versions_by_period()[period]

    def read(table: TableContract) -> DataFrame:
        return registry.lake.read(table, version=versions[table.path])

    of_person = [name for name in _OF_PERSON if name in wanted]
    of_family = [name for name in _OF_FAMILY if name in wanted]
    joined = decided
    person = c.PERSON_ID
    if of_family or (of_person and rules.unit == "family"):
        families = read(tables.FAMILY).select(c.FAMILY_ID, c.HEAD_PERSON_ID, *of_family)
        # unit : family is n : 0..1 (who left may be in none).
        joined = joined.join(families, c.FAMILY_ID, "left")
        person = c.HEAD_PERSON_ID if rules.unit == "family" else person
    if of_person:
        persons = read(tables.PERSON).select(F.col(c.PERSON_ID).alias("_person"), *of_person)
        # unit : the person, or the family's head, is 1 : 0..1.
        joined = joined.join(persons, F.col(person) == F.col("_person"), "left")
    return joined


def _write(rows: DataFrame, rules: ProgramRules, folder: Path, form: str) -> None:
    columns = rules.handover.columns if rules.handover else ()
    # One task writes a region's only file; the order inside makes the same release the same bytes.
    by_region = rows.repartition(_REGION).sortWithinPartitions(rules.unit_id)
    if form == "csv":
        csv_writer(csv_safe(by_region.select(*columns, _REGION), _REGION)).partitionBy(_REGION).csv(
            str(folder.absolute())
        )
    elif form == "parquet":
        by_region.select(*columns, _REGION).write.partitionBy(_REGION).parquet(str(folder.absolute()))
    else:
        records = by_region.select(*_dci(rules, columns), _REGION)
        records.write.partitionBy(_REGION).json(str(folder.absolute()))


def _dci(rules: ProgramRules, columns: tuple[str, ...]) -> list[Column]:
    """Build a DCI record of the social registry, a Group with its head or a Person, as its JSON Schema says."""
    is_family = rules.unit == "family"
    own = (
        {c.FAMILY_ID: "DTSEN_FAMILY_ID", c.NO_KK: "KK"} if is_family else {c.PERSON_ID: "DTSEN_PERSON_ID", c.NIK: _UIN}
    )
    person: list[Column] = []
    if c.NAME in columns:
        # Who left may be no person of the register any more: a record without a name has no empty one.
        person.append(F.when(F.col(c.NAME).isNotNull(), F.struct(F.col(c.NAME).alias("given_name"))).alias("name"))
    if c.SEX in columns:
        person.append(
            F.when(F.col(c.SEX) == "L", F.lit("male")).when(F.col(c.SEX) == "P", F.lit("female")).alias("sex")
        )
    if c.BIRTH_DATE in columns:
        person.append(F.date_format(c.BIRTH_DATE, "yyyy-MM-dd'T'00:00:00'Z'").alias("birth_date"))
    place = F.array(F.struct(F.col(c.REGION_CODE).alias("region_code"), F.lit("ID").alias("country_code")))
    structural = {*own, *_OF_PERSON, *_OF_FAMILY, c.REGION_CODE}
    attributes = [name for name in columns if name not in structural]
    more = F.array(*(F.struct(F.lit(name).alias("key"), _as_text(name).alias("value")) for name in attributes)).alias(
        "additional_attributes"
    )
    record = [F.lit("Group" if is_family else "Person").alias("@type")]
    record.append(_identifiers(own, columns).alias("group_identifier" if is_family else "identifier"))
    if is_family:
        record.append(F.lit("family").alias("group_type"))
        head = [_identifiers({c.NIK: _UIN}, columns).alias("member_identifier")]
        head += [F.struct(*person).alias("demographic_info")] if person else []
        if person or c.NIK in columns:
            known = F.col(c.HEAD_PERSON_ID).isNotNull()
            record.append(F.when(known, F.struct(*head)).alias("group_head_info"))
        record += [F.col(c.MEMBERS).alias("group_size")] if c.MEMBERS in columns else []
    else:
        record += person
    record += [place.alias("address")] if c.REGION_CODE in columns else []
    return [*record, more]


def _identifiers(kinds: dict[str, str], columns: tuple[str, ...]) -> Column:
    found = [
        F.when(
            F.col(name).isNotNull(),
            F.struct(F.lit(kind).alias("identifier_type"), F.col(name).alias("identifier_value")),
        )
        for name, kind in kinds.items()
        if name in columns
    ]
    none = F.array().cast("array<struct<identifier_type:string,identifier_value:string>>")
    return F.array_compact(F.array(*found)) if found else none


def _as_text(name: str) -> Column:
    is_list = c.COLUMNS[name].type.simpleString().startswith("array")
    return F.array_join(name, "|") if is_list else F.col(name).cast("string")


def _counts(decided: DataFrame) -> dict[str, dict[str, int]]:
    """Count units, selected ones and rupiah of each region: a few hundred rows."""
    rows = (
        decided.groupBy(_REGION)
        .agg(
            F.count(F.lit(1)).alias(c.ROWS),
            F.count_if(F.col(c.DECISION) == "SELECTED").alias("selected"),
            F.count_if(F.col(c.CHANGE) == "ADD").alias("added"),
            F.count_if(F.col(c.CHANGE) == "DROP").alias("dropped"),
            F.coalesce(F.sum(c.BENEFIT_IDR_YEAR), F.lit(0)).alias(c.BENEFIT_TOTAL_IDR_YEAR),
        )
        .collect()
    )
    return {row[_REGION]: {key: int(value) for key, value in row.asDict().items() if key != _REGION} for row in rows}


def _name_files(part: Path, suffix: str, counts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    files = []
    for folder in sorted((part / "spark").glob(f"{_REGION}=*")):
        region = folder.name.partition("=")[2]
        file = part / f"{region}.{suffix}"
        next(folder.glob("part-*")).replace(file)
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = file.stat().st_size
        files.append({"name": file.name, "region_code": region, **counts[region], "bytes": size, "sha256": digest})
    shutil.rmtree(part / "spark")
    return files


def _write_dictionary(path: Path, rules: ProgramRules) -> None:
    lines = ["column,type,unit,privacy,meaning"]
    for column in _described(rules):
        lines.append(",".join(f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in column.values()))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _described(rules: ProgramRules) -> list[dict[str, str]]:
    columns = rules.handover.columns if rules.handover else ()
    return [
        {
            "column": name,
            "type": c.COLUMNS[name].type.simpleString(),
            "unit": c.COLUMNS[name].unit,
            "privacy": c.COLUMNS[name].privacy.value,
            "meaning": c.COLUMNS[name].meaning,
        }
        for name in columns
    ]


def _manifest(
    registry: Registry,
    rules: ProgramRules,
    release_id: str,
    form: str,
    files: list[dict[str, Any]],
    counts: dict[str, dict[str, int]],
) -> dict[str, Any]:
    table = tables.decision(rules.program)
    source = registry.releases()[release_id].tables[table.path]
    totals = {name: sum(one[name] for one in counts.values()) for name in next(iter(counts.values()), {})}
    return {
        "program": rules.program,
        "title": rules.title,
        "unit": rules.unit,
        "release_id": release_id,
        **(rules.handover.model_dump(exclude={"columns"}) if rules.handover else {}),
        "format": form,
        **({"reg_type": _DCI_REGISTRY, "json_schema": DCI_SCHEMA} if form == "dci" else {}),
        "source": {"table": table.path, "version": source.version, "content_hash": source.content_hash},
        c.ROWS: 0,
        **totals,
        "columns": _described(rules),
        "files": files,
    }


def _log(lake: Lake, rules: ProgramRules, release_id: str, handed: HandedOver) -> None:
    """Enter the hand-over: processing is recorded (UU 27/2022 art. 31)."""
    to = rules.handover
    entry = privacy.access_row(
        at=utc_now(),
        subject=f"{tables.decision(rules.program).path} {release_id}",
        purpose=to.purpose if to else "",
        role="MINISTRY",
        actor=to.recipient if to else "",
        detail=json.dumps({"files": handed.files, "rows": handed.rows}),
    )
    lake.append_rows(tables.ACCESS_LOG, [entry])
