"""Every table's contract in dataflow order: the data dictionary, and the comments that BI users see.

``LANDING`` is the contract with those who deliver (all columns text); the rest are our Delta tables.
"""

from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.contract import TableContract, fields

# Words of the landing contract, section 1: what a batch is, and what a row of a delta does, in a column of its own.
FULL: Final = "full"
DELTA: Final = "delta"
OP: Final = "op"
UPSERT: Final = "U"
DELETE: Final = "D"


@dataclass(frozen=True)
class LandingTable:
    """One table of the landing zone (landing contract, section 2).

    Attributes:
        source: Delivering source.
        table: Table of the source.
        one_row_is: The grain in one phrase.
        key: Native key columns.
        columns: Every column, in the order of the contract.
        optional: Columns that a header may lack; read as null.
        required: The first run needs a delivery of the table.
        parent: Table and column of ours that must hold the family or household row, for members.
    """

    source: str
    table: str
    one_row_is: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    required: bool = False
    parent: tuple[str, str] | None = None

    @property
    def path(self) -> str:
        """Folder under the landing root."""
        return f"{self.source}/{self.table}"

    @property
    def table_name(self) -> str:
        """Name of the bronze and quarantine tables."""
        return f"{self.source}_{self.table}"


def _landing(
    path: str,
    one_row_is: str,
    columns: str,
    *,
    key: str,
    required: bool = False,
    parent: tuple[str, str] | None = None,
) -> LandingTable:
    # A trailing ? marks a column that a header may lack, as in the landing contract.
    source, table = path.split("/")
    names = columns.split()
    return LandingTable(
        source=source,
        table=table,
        one_row_is=one_row_is,
        key=tuple(key.split()),
        columns=tuple(name.rstrip("?") for name in names),
        optional=frozenset(name.rstrip("?") for name in names if name.endswith("?")),
        required=required,
        parent=parent,
    )


_REGSOSEK_HOUSING: Final = "r301a r301b r302 r303 r304 r305 r306a r306b r307a r307b r308 r309a r309b r310"
_REGSOSEK_ASSETS: Final = (
    "r502a r502b r502c r502d r502e r502f r502g r502h r502i r502j r502k r502l r502m r502n "
    "r503a r503b r504a r504b r504c r504d r504e r505 r506"
)

_LANDING: Final = (
    _landing(
        "dukcapil/penduduk",
        "registered resident",
        "nik no_kk nama jenis_kelamin tempat_lahir tanggal_lahir shdk status_kawin pendidikan pekerjaan nama_ibu? "
        "nik_ibu? nama_ayah? nik_ayah? alamat rt rw kode_wilayah status tanggal_status?",
        key="nik",
        required=True,
    ),
    _landing(
        "dtks/rumah_tangga",
        "household",
        "id_rt no_kk? kode_wilayah alamat status_rumah luas_lantai lantai dinding dinding_kondisi atap atap_kondisi "
        "air_minum penerangan daya bahan_bakar fas_bab kloset tinja kamar_tidur ada_gas ada_kulkas ada_ac ada_pemanas "
        "ada_telepon ada_tv ada_emas ada_laptop ada_sepeda ada_motor ada_mobil ada_perahu ada_motor_tempel lahan "
        "rumah_lain jml_sapi jml_kerbau jml_kuda jml_babi jml_kambing",
        key="id_rt",
        required=True,
    ),
    _landing(
        "dtks/anggota",
        "household member",
        "id_art id_rt nik? no_kk? nama jenis_kelamin tempat_lahir? tanggal_lahir nama_ibu? hub_krt status_kawin "
        "pendidikan sekolah bekerja status_kerja cacat penyakit_kronis hamil",
        key="id_art",
        required=True,
        parent=("dtks/rumah_tangga", "id_rt"),
    ),
    _landing(
        "regsosek/keluarga",
        "family (by KK)",
        f"id_keluarga no_kk? kode_desa_bps sls alamat r115 r205 {_REGSOSEK_HOUSING} {_REGSOSEK_ASSETS}",
        key="id_keluarga",
        required=True,
    ),
    _landing(
        "regsosek/anggota",
        "family member",
        "id_anggota id_keluarga nik? nama r404 r405 tgl_lahir bln_lahir thn_lahir r408 r409 r410 r411 r412 r413 r414 "
        "r416a r416b r417 r418 r419 r420 r425 r427 r428a r428b r428c r428d r428e r428f r428g r428h r428i r428j r429 "
        "r430 r431a r431f",
        key="id_anggota",
        required=True,
        parent=("regsosek/keluarga", "id_keluarga"),
    ),
    _landing(
        "p3ke/keluarga",
        "BKKBN family",
        "id_keluarga kode_wilayah alamat status_rumah lantai dinding atap air_minum penerangan bahan_bakar jamban",
        key="id_keluarga",
        required=True,
    ),
    _landing(
        "p3ke/individu",
        "family member",
        "id_individu id_keluarga nik? nama jenis_kelamin tanggal_lahir hub status_kawin pendidikan pekerjaan jkn "
        "keberadaan",
        key="id_individu",
        required=True,
        parent=("p3ke/keluarga", "id_keluarga"),
    ),
    _landing(
        "susenas/rumah_tangga",
        "surveyed household",
        "id_ruta kode_kab_bps klasifikasi penimbang jml_art pengeluaran_per_kapita "
        f"{_REGSOSEK_HOUSING} {_REGSOSEK_ASSETS}",
        key="id_ruta",
        required=True,
    ),
    _landing(
        "susenas/anggota",
        "member of a surveyed household",
        "id_art_ruta id_ruta r405 umur r408 r409 r412 r413 r414 r416a r417 r418 r428a r428b r428c r428d r428e r428f "
        "r428g r428h r428i r430",
        key="id_art_ruta",
        required=True,
        parent=("susenas/rumah_tangga", "id_ruta"),
    ),
    _landing("pln/pelanggan", "power customer", "id_pelanggan nik? no_kk? daya kwh_bulan", key="id_pelanggan"),
    _landing("bpjstk/peserta", "employment-insurance member", "nik segmen upah aktif", key="nik"),
    _landing("bpjskes/peserta", "health-insurance member", "nik segmen aktif kronis", key="nik"),
    _landing("pegawai/daftar", "person on a state pay-roll or in village office", "nik jenis", key="nik"),
    _landing("program/penerima", "current beneficiary", "program nik no_kk sejak", key="program nik"),
    _landing(
        "usulan/tiket",
        "objection, correction or proposal",
        "ticket_id submitted_at channel kind subject_nik? subject_no_kk? reporter_nik? kode_wilayah reason "
        "evidence changes",
        key="ticket_id",
    ),
    _landing(
        "usulan/peristiwa",
        "event of a ticket",
        "ticket_id seq at actor_role action note? document_sha256?",
        key="ticket_id seq",
    ),
    _landing(
        "label/pasangan",
        "what a person decided on two records",
        "record_id_l record_id_r label by at",
        key="record_id_l record_id_r",
    ),
    _landing(
        "program/tanggapan",
        "a program's answer to its hand-over file",
        "program release_id unit_id status reason? amount_idr? at",
        key="program release_id unit_id",
    ),
    _landing(
        "verifikasi/hasil",
        "field-check result",
        "assignment_id family_id visited_at officer_id outcome changes photos lat? lon? pengeluaran_per_kapita?",
        key="assignment_id",
    ),
)
LANDING: Final[dict[str, LandingTable]] = {table.path: table for table in _LANDING}

# Sources whose person records make up `linkage/membership`, in order of trust.
PERSON_SOURCES: Final = ("dukcapil", "regsosek", "dtks", "p3ke")
LINKED_SOURCES: Final = PERSON_SOURCES[1:]  # all but the registry that they are linked to

PERSON_INDICATORS: Final = (
    c.EDUCATION,
    c.SCHOOL_LEVEL,
    c.IN_SCHOOL,
    c.WORKING,
    c.EMPLOYMENT_STATUS,
    c.OCCUPATION,
    c.HAS_BUSINESS,
    c.DISABILITY,
    c.CHRONIC,
    c.PREGNANT,
    c.HAS_ID_DOCUMENT,
    c.HEALTH_COVER,
    c.EMPLOYMENT_COVER,
    c.STUNTED,
)

HOUSING: Final = (
    c.TENURE,
    c.FLOOR_AREA_M2,
    c.FLOOR,
    c.WALL,
    c.ROOF,
    c.WATER,
    c.LIGHTING,
    c.POWER,
    c.COOKING_FUEL,
    c.TOILET,
    c.CLOSET,
    c.SEWAGE,
)
ASSETS: Final = (
    c.HAS_GAS_CYLINDER,
    c.HAS_FRIDGE,
    c.HAS_AC,
    c.HAS_WATER_HEATER,
    c.HAS_TELEPHONE,
    c.HAS_TV,
    c.HAS_GOLD,
    c.HAS_COMPUTER,
    c.HAS_MOTORCYCLE,
    c.HAS_BICYCLE,
    c.HAS_CAR,
    c.HAS_BOAT,
    c.HAS_MOTOR_BOAT,
    c.HAS_SMARTPHONE,
    c.HAS_LAND,
    c.HAS_OTHER_HOUSE,
)
LIVESTOCK: Final = (c.CATTLE, c.BUFFALO, c.HORSES, c.PIGS, c.GOATS)
FAMILY_INDICATORS: Final = (*HOUSING, *ASSETS, *LIVESTOCK, c.INTERNET, c.BANK_ACCOUNT)


def bronze(table: LandingTable) -> TableContract:
    """Return the contract of a landing table's bronze table: the rows as delivered, by batch.

    The delivered columns keep their names and are text; they stand between the delivery's own columns.
    """
    return TableContract(
        layer="bronze",
        name=table.table_name,
        one_row_is=f"delivered row: {table.one_row_is}",
        key=(c.BATCH_ID, c.FILE, c.RECORD_NO),
        fields=fields(
            c.BATCH_ID,
            c.AS_OF,
            c.BATCH_MODE,
            c.OP,
            c.FILE,
            c.RECORD_NO,
            c.LINE_BREAKS,
            c.NATIVE_KEY,
            c.REASONS,
            c.EXTRA,
            c.CORRUPT,
            required=(c.BATCH_ID, c.FILE, c.RECORD_NO),
        ),
        slice_by=(c.BATCH_ID,),
        text_columns=table.columns,
    )


def quarantine(table: LandingTable) -> TableContract:
    """Return the contract of a landing table's quarantine: rejected rows with reasons, file and line."""
    return TableContract(
        layer="quarantine",
        name=table.table_name,
        one_row_is="rejected row",
        key=(c.BATCH_ID, c.FILE, c.LINE),
        fields=fields(
            c.BATCH_ID, c.AS_OF, c.NATIVE_KEY, c.REASONS, c.FILE, c.LINE, c.RAW, c.STATE, c.RELEASE_ID, c.RECORDED_AT
        ),
        slice_by=(c.BATCH_ID,),
    )


def accepted(table: LandingTable) -> TableContract:
    """Return the contract of a landing table's accepted state: what all batches up to the period leave.

    The delivered columns keep their names and are text, trimmed, null where empty.
    """
    return TableContract(
        layer="accepted",
        name=table.table_name,
        one_row_is=f"native key: {table.one_row_is}, as last accepted",
        key=(c.NATIVE_KEY,),
        fields=fields(c.NATIVE_KEY, c.AS_OF, c.BATCH_ID, c.STALE_QUARANTINED, c.PARENT_GONE, required=(c.NATIVE_KEY,)),
        text_columns=table.columns,
    )


STANDING: Final = TableContract(
    layer="accepted",
    name="standing",
    one_row_is="landing table whose accepted state is one full batch in bronze, or empty (no batch)",
    key=(c.SUBJECT,),
    fields=fields(c.SUBJECT, c.BATCH_ID, c.ROWS, required=(c.SUBJECT, c.ROWS)),
)
SET_ASIDE: Final = TableContract(
    layer="accepted",
    name="set_aside",
    one_row_is="row of bronze that other rows set aside (rival, orphan), or whose parent has gone (no reason)",
    key=(c.SUBJECT, c.BATCH_ID, c.FILE, c.RECORD_NO),
    fields=fields(
        c.SUBJECT,
        c.BATCH_ID,
        c.FILE,
        c.RECORD_NO,
        c.REASON,
        c.PARENT_GONE,
        required=(c.SUBJECT, c.BATCH_ID, c.FILE, c.RECORD_NO),
    ),
    slice_by=(c.SUBJECT,),
)


# --- corrections: objections, field checks, answers ----------------------------------------------------------------
TICKET: Final = TableContract(
    layer="corrections",
    name="ticket",
    one_row_is="objection, correction or proposal, as its events left it",
    key=(c.TICKET_ID,),
    fields=fields(
        c.TICKET_ID,
        c.TICKET_KIND,
        c.PROGRAM,
        c.CHANNEL,
        c.REGION_CODE,
        c.SUBJECT_RECORD_ID,
        c.SUBMITTED_AT,
        c.STATE,
        c.OUTCOME,
        c.WAITS_FOR,
        c.STATE_SINCE,
        c.DUE,
        c.OVERDUE,
        c.ACTION,
        c.REASONS,
        c.EVIDENCE_TYPES,
        c.IDENTIFIED_ON,
        c.DAYS_OPEN,
        c.EVENTS_APPLIED,
        c.EVENTS_REFUSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.TICKET_ID, c.STATE, c.OUTCOME, c.REASONS),
    ),
    published=True,
)
TICKET_EVENT: Final = TableContract(
    layer="corrections",
    name="event",
    one_row_is="delivered event of a ticket: applied, or refused with its reason",
    key=(c.EVENT_KEY,),
    fields=fields(
        c.EVENT_KEY,
        c.TICKET_ID,
        c.EVENT_NO,
        c.AT,
        c.ACTION,
        c.ACTOR_ROLE,
        c.REASON,
        c.STATE_BEFORE,
        c.STATE_AFTER,
        c.DAYS,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.EVENT_KEY,),
    ),
    published=True,
)
OVERRIDE: Final = TableContract(
    layer="corrections",
    name="override",
    one_row_is="value of one field that a ticket or a field check verified",
    key=(c.RECORD_ID, c.INDICATOR, c.RECORD_ID_R, c.ORIGIN, c.TICKET_ID),
    fields=fields(
        c.RECORD_ID,
        c.INDICATOR,
        c.VALUE_TEXT,
        c.RECORD_ID_R,
        c.ORIGIN,
        c.TICKET_ID,
        c.EVIDENCE,
        c.VERIFIED_ON,
        c.STATE,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.RECORD_ID, c.INDICATOR, c.VALUE_TEXT, c.ORIGIN, c.TICKET_ID, c.STATE),
    ),
    published=True,
)
EFFECT: Final = TableContract(
    layer="corrections",
    name="effect",
    one_row_is="ticket × subject in the release in which its values first stand",
    key=(c.TICKET_ID, c.PERSON_ID),
    fields=fields(
        c.TICKET_ID,
        c.PERSON_ID,
        c.CHANGED_FIELDS,
        c.SCORE_BEFORE,
        c.SCORE,
        c.DECILE_BEFORE,
        c.DECILE,
        c.DECISIONS,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.TICKET_ID, c.PERSON_ID),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
ANSWER: Final = TableContract(
    layer="corrections",
    name="answer",
    one_row_is="unit whose payment and decision disagree, by program and release of the hand-over",
    key=(c.PROGRAM, c.ANSWERED_RELEASE, c.UNIT_ID),
    fields=fields(
        c.PROGRAM,
        c.ANSWERED_RELEASE,
        c.UNIT_ID,
        c.STATE,
        c.REASON,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.PROGRAM, c.ANSWERED_RELEASE, c.UNIT_ID, c.STATE),
    ),
    published=True,
)

# --- silver: one meaning -------------------------------------------------------------------------------------------
PERSON_RECORD: Final = TableContract(
    layer="silver",
    name="person_record",
    one_row_is="person record of dukcapil, dtks, regsosek or p3ke",
    key=(c.RECORD_ID,),
    fields=fields(
        c.RECORD_ID,
        c.SOURCE,
        c.FAMILY_RECORD_ID,
        c.AS_OF,
        c.BATCH_ID,
        c.STALE_QUARANTINED,
        c.PARENT_GONE,
        c.NIK,
        c.NIK_GRADE,
        c.NIK_REASONS,
        c.NIK_BIRTH_DATE,
        c.NIK_SEX,
        c.NIK_REGION,
        c.NIK_SERIAL,
        c.NO_KK,
        c.NAME,
        c.NAME_NORM,
        c.NAME_SORTED,
        c.NAME_TOKENS,
        c.NAME_PHONETIC,
        c.TOKEN_COUNT,
        c.MOTHER_NAME_NORM,
        c.MOTHER_NIK,
        c.FATHER_NIK,
        c.SEX,
        c.BIRTH_DATE,
        c.BIRTH_YEAR,
        c.BIRTH_MONTH,
        c.BIRTH_DAY,
        c.BIRTH_HEAPED,
        c.BIRTH_PLACE,
        c.REGION_CODE,
        c.REGION_STATE,
        c.ADDRESS,
        c.RELATION,
        c.MARITAL,
        c.REGISTRY_STATUS,
        c.STATUS_DATE,
        c.PRESENCE,
        *PERSON_INDICATORS,
        c.VALUE_REASONS,
        required=(c.RECORD_ID, c.SOURCE),
    ),
)
FAMILY_RECORD: Final = TableContract(
    layer="silver",
    name="family_record",
    one_row_is="family or household row of dtks, regsosek or p3ke",
    key=(c.FAMILY_RECORD_ID,),
    fields=fields(
        c.FAMILY_RECORD_ID,
        c.SOURCE,
        c.AS_OF,
        c.BATCH_ID,
        c.STALE_QUARANTINED,
        c.NO_KK,
        c.REGION_CODE,
        c.REGION_STATE,
        c.ADDRESS,
        c.FAMILY_PART,
        c.PRESENCE,
        *FAMILY_INDICATORS,
        c.VALUE_REASONS,
        required=(c.FAMILY_RECORD_ID, c.SOURCE),
    ),
)
SURVEY_HOUSEHOLD: Final = TableContract(
    layer="silver",
    name="survey_household",
    one_row_is="surveyed household",
    key=(c.HOUSEHOLD_ID,),
    fields=fields(
        c.HOUSEHOLD_ID,
        c.AS_OF,
        c.KAB_CODE,
        c.URBAN,
        c.WEIGHT,
        c.MEMBERS,
        c.EXPENDITURE_PER_CAPITA,
        *FAMILY_INDICATORS,
        c.VALUE_REASONS,
        required=(c.HOUSEHOLD_ID,),
    ),
)
SURVEY_MEMBER: Final = TableContract(
    layer="silver",
    name="survey_member",
    one_row_is="member of a surveyed household",
    key=(c.RECORD_ID,),
    fields=fields(
        c.RECORD_ID,
        c.HOUSEHOLD_ID,
        c.SEX,
        c.AGE,
        c.MARITAL,
        c.RELATION,
        *PERSON_INDICATORS,
        c.VALUE_REASONS,
        required=(c.RECORD_ID, c.HOUSEHOLD_ID),
    ),
)
POWER_CUSTOMER: Final = TableContract(
    layer="silver",
    name="power_customer",
    one_row_is="power customer",
    key=(c.CUSTOMER_ID,),
    fields=fields(c.CUSTOMER_ID, c.AS_OF, c.NIK, c.NO_KK, c.POWER_VA, c.KWH_MONTH, required=(c.CUSTOMER_ID,)),
)
EMPLOYMENT_INSURANCE: Final = TableContract(
    layer="silver",
    name="employment_insurance",
    one_row_is="employment-insurance member",
    key=(c.NIK,),
    fields=fields(c.NIK, c.AS_OF, c.SEGMENT, c.WAGE_IDR_MONTH, c.ACTIVE, required=(c.NIK,)),
)
HEALTH_INSURANCE: Final = TableContract(
    layer="silver",
    name="health_insurance",
    one_row_is="health-insurance member",
    key=(c.NIK,),
    fields=fields(c.NIK, c.AS_OF, c.SEGMENT, c.ACTIVE, c.CATASTROPHIC, required=(c.NIK,)),
)
PAYROLL: Final = TableContract(
    layer="silver",
    name="payroll",
    one_row_is="person on a state pay-roll or in village office",
    key=(c.NIK,),
    fields=fields(c.NIK, c.AS_OF, c.PAYROLL_KIND, required=(c.NIK,)),
)
RECIPIENT: Final = TableContract(
    layer="silver",
    name="recipient",
    one_row_is="program × current beneficiary",
    key=(c.PROGRAM, c.NIK),
    fields=fields(c.PROGRAM, c.NIK, c.NO_KK, c.SINCE, c.AS_OF, required=(c.PROGRAM, c.NIK)),
)
LABEL_PAIR: Final = TableContract(
    layer="silver",
    name="label_pair",
    one_row_is="pair of records that a person decided on",
    key=(c.RECORD_ID_L, c.RECORD_ID_R),
    fields=fields(
        c.RECORD_ID_L,
        c.RECORD_ID_R,
        c.LABEL,
        c.DECIDED_BY,
        c.DECIDED_AT,
        required=(c.RECORD_ID_L, c.RECORD_ID_R, c.LABEL),
    ),
)

CORRECTION: Final = TableContract(
    layer="silver",
    name="correction",
    one_row_is="registry record with verified values, null where none stands",
    key=(c.RECORD_ID,),
    fields=fields(
        c.RECORD_ID,
        c.AS_OF,
        c.NO_KK,
        c.REGION_CODE,
        c.RELATION,
        c.MARITAL,
        c.PRESENCE,
        *PERSON_INDICATORS,
        *FAMILY_INDICATORS,
        required=(c.RECORD_ID,),
    ),
)

# --- linkage: one person once --------------------------------------------------------------------------------------
LINKAGE_TERM: Final = TableContract(
    layer="models",
    name="linkage_term",
    one_row_is="model version × common name or token",
    key=(c.MODEL_VERSION, c.TERM_KIND, c.TERM),
    fields=fields(
        c.MODEL_VERSION,
        c.TERM_KIND,
        c.TERM,
        c.TERM_CLASS,
        required=(c.MODEL_VERSION, c.TERM_KIND, c.TERM, c.TERM_CLASS),
    ),
    slice_by=(c.MODEL_VERSION,),
)
EDGE: Final = TableContract(
    layer="linkage",
    name="edge",
    one_row_is="scored pair of records, with its comparison levels",
    key=(c.RECORD_ID_L, c.RECORD_ID_R),
    fields=fields(
        c.RECORD_ID_L,
        c.RECORD_ID_R,
        c.MATCH_WEIGHT,
        c.RUNNER_UP_WEIGHT,
        c.NEEDED_WEIGHT,
        c.BLOCKING_RULE,
        c.AGREEMENT,
        c.STATE,
        c.REASON,
        c.MODEL_VERSION,
        required=(c.RECORD_ID_L, c.RECORD_ID_R, c.STATE, c.MODEL_VERSION),
    ),
)
# What a release keeps in its build for the linkage of the next one: hashes and weights, no names. Erasure deletes it
# whole, as without one node the rest would tell a wrong story; a run that finds none links all records again.
NODE: Final = TableContract(
    layer="linkage",
    name="node",
    one_row_is="registry row or record of the residue, as the linkage blocked it",
    key=(c.NODE,),
    fields=fields(c.NODE, c.NODE_HASH, c.REFINEMENTS, c.BLOCK_KEYS, required=(c.NODE, c.NODE_HASH)),
)
SCORED_PAIR: Final = TableContract(
    layer="linkage",
    name="scored_pair",
    one_row_is="pair of nodes that the linkage scored",
    key=(c.NODE_L, c.NODE_R),
    fields=fields(
        c.NODE_L,
        c.NODE_R,
        c.BLOCKING_RULE,
        c.MATCH_WEIGHT,
        c.LEVELS,
        required=(c.NODE_L, c.NODE_R, c.BLOCKING_RULE, c.MATCH_WEIGHT, c.LEVELS),
    ),
)
LINKAGE_BASIS: Final = TableContract(
    layer="linkage",
    name="basis",
    one_row_is="the one row that says what nodes and scored pairs stand on",
    key=(c.FINGERPRINT,),
    fields=fields(c.FINGERPRINT, c.BLOCKS_DROPPED, required=(c.FINGERPRINT, c.BLOCKS_DROPPED)),
)
LINKAGE_KEPT: Final = (NODE, SCORED_PAIR, LINKAGE_BASIS)
MEMBERSHIP: Final = TableContract(
    layer="linkage",
    name="membership",
    one_row_is="record × person",
    key=(c.RECORD_ID, c.VALID_FROM),
    fields=fields(
        c.RECORD_ID,
        c.PERSON_ID,
        c.MATCH_REASON,
        c.MATCH_WEIGHT,
        c.NIK_GRADE,
        c.NIK_CLAIMED,
        c.VALID_FROM,
        c.VALID_TO,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.RECORD_ID, c.PERSON_ID, c.MATCH_REASON),
    ),
    published=True,
)
CROSSWALK: Final = TableContract(
    layer="linkage",
    name="crosswalk",
    one_row_is="event of a person id",
    key=(c.PERSON_ID, c.EVENT, c.RELEASE_ID),
    fields=fields(c.PERSON_ID, c.EVENT, c.OTHER_PERSON_ID, c.PERIOD, c.RELEASE_ID, required=(c.PERSON_ID, c.EVENT)),
    published=True,
)
REVIEW_QUEUE: Final = TableContract(
    layer="linkage",
    name="review_queue",
    one_row_is="pair or record that a person should look at",
    key=(c.KIND, c.RECORD_ID_L, c.RECORD_ID_R),
    fields=fields(
        c.KIND,
        c.RECORD_ID_L,
        c.RECORD_ID_R,
        c.MATCH_WEIGHT,
        c.REASON,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.KIND, c.RECORD_ID_L),
    ),
    published=True,
)

# --- master: persons and families ----------------------------------------------------------------------------------
PERSON: Final = TableContract(
    layer="master",
    name="person",
    one_row_is="person",
    key=(c.PERSON_ID,),
    fields=fields(
        c.PERSON_ID,
        c.NIK,
        c.NAME,
        c.SEX,
        c.BIRTH_DATE,
        c.BIRTH_YEAR,
        c.REGION_CODE,
        c.ALIVE,
        c.FAMILY_ID,
        c.SOURCES,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.PERSON_ID, c.ALIVE, c.SOURCES),
    ),
    published=True,
)
PERSON_ATTRIBUTE: Final = TableContract(
    layer="master",
    name="person_attribute",
    one_row_is="person, with the surviving value of each attribute",
    key=(c.PERSON_ID,),
    fields=fields(
        c.PERSON_ID,
        c.FAMILY_ID,
        c.NIK,
        c.NO_KK,
        c.SEX,
        c.BIRTH_DATE,
        c.AGE,
        c.ALIVE,
        c.REGISTRY_STATUS,
        c.PRESENCE,
        c.REGION_CODE,
        c.RELATION,
        c.MARITAL,
        *PERSON_INDICATORS,
        c.SOURCE_OF,
        c.SOURCES,
        required=(c.PERSON_ID, c.ALIVE),
    ),
)
FAMILY: Final = TableContract(
    layer="master",
    name="family",
    one_row_is="family",
    key=(c.FAMILY_ID,),
    fields=fields(
        c.FAMILY_ID,
        c.NO_KK,
        c.HEAD_PERSON_ID,
        c.MEMBERS,
        c.REGION_CODE,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.FAMILY_ID, c.MEMBERS),
    ),
    published=True,
)
FAMILY_MEMBER: Final = TableContract(
    layer="master",
    name="family_member",
    one_row_is="person × family",
    key=(c.FAMILY_ID, c.PERSON_ID),
    fields=fields(c.FAMILY_ID, c.PERSON_ID, c.RELATION, c.PERIOD, c.RELEASE_ID, required=(c.FAMILY_ID, c.PERSON_ID)),
    published=True,
)
FAMILY_ATTRIBUTE: Final = TableContract(
    layer="master",
    name="family_attribute",
    one_row_is="family, with the surviving value of each family indicator",
    key=(c.FAMILY_ID,),
    fields=fields(
        c.FAMILY_ID,
        c.REGION_CODE,
        c.KAB_CODE,
        c.URBAN,
        c.MEMBERS,
        c.LINK_CONFIDENCE,
        c.WEAKEST_LINK,
        c.RECORDS_IN_REVIEW,
        *FAMILY_INDICATORS,
        c.SOURCE_OF,
        required=(c.FAMILY_ID,),
    ),
)

# --- welfare: score and decile -------------------------------------------------------------------------------------
SCORE: Final = TableContract(
    layer="welfare",
    name="score",
    one_row_is="family × period",
    key=(c.PERIOD, c.FAMILY_ID),
    fields=fields(
        c.FAMILY_ID,
        c.MEMBERS,
        c.REGION_CODE,
        c.SCORE,
        c.LOG_EXPENDITURE,
        c.EXPENDITURE_IDR_MONTH,
        c.DECILE,
        c.STATE,
        c.REASON,
        c.CONFIDENCE,
        c.MODEL_VERSION,
        c.MODEL_VARIANT,
        c.SCORE_ERROR,
        c.EXPENDITURE_LOW_IDR_MONTH,
        c.EXPENDITURE_HIGH_IDR_MONTH,
        c.DECILE_STATE,
        c.DECILE_PERMILLE,
        c.KAB_RANK,
        c.KAB_FAMILIES,
        c.OLDEST_INPUT,
        c.LINK_CONFIDENCE,
        c.WEAKEST_LINK,
        c.RECORDS_IN_REVIEW,
        c.MEMBER_HASH,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.FAMILY_ID, c.STATE),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
SCORE_PART: Final = TableContract(
    layer="welfare",
    name="score_part",
    one_row_is="family, with the parts of its score and where each input came from",
    key=(c.FAMILY_ID,),
    fields=fields(c.FAMILY_ID, c.SCORE_PARTS, c.SCORE_INPUTS, required=(c.FAMILY_ID,)),
)
WELFARE_CHANGE: Final = TableContract(
    layer="welfare",
    name="change",
    one_row_is="family whose score, decile or state differs from the last release, or that came or went",
    key=(c.PERIOD, c.FAMILY_ID),
    fields=fields(
        c.FAMILY_ID,
        c.MOVE,
        c.DECILE_CAUSE,
        c.DECILE_BEFORE,
        c.DECILE,
        c.SCORE_BEFORE,
        c.SCORE,
        c.EXPENDITURE_BEFORE,
        c.EXPENDITURE_IDR_MONTH,
        c.REFERENCE_CUT,
        c.MARGIN_BEFORE,
        c.MARGIN,
        c.OWN_DATA_POINTS,
        c.MEMBERSHIP_POINTS,
        c.MODEL_POINTS,
        c.CUT_POINTS,
        c.OWN_DATA_DECILES,
        c.MEMBERSHIP_DECILES,
        c.MODEL_DECILES,
        c.CUT_DECILES,
        c.REGION_CODE,
        c.PREVIOUS_RELEASE,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.FAMILY_ID, c.MOVE, c.PREVIOUS_RELEASE),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
CUTPOINT: Final = TableContract(
    layer="welfare",
    name="cutpoint",
    one_row_is="period × unit × k",
    key=(c.PERIOD, c.UNIT, c.K),
    fields=fields(
        c.K,
        c.SCORE,
        c.WEIGHT_BELOW,
        c.UNIT,
        c.MODEL_VERSION,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.K, c.SCORE, c.WEIGHT_BELOW, c.UNIT),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
PMT_COEFFICIENT: Final = TableContract(
    layer="models",
    name="pmt_coefficient",
    one_row_is="model version × stratum × indicator",
    key=(c.MODEL_VERSION, c.STRATUM, c.INDICATOR),
    fields=fields(
        c.MODEL_VERSION,
        c.STRATUM,
        c.INDICATOR,
        c.COEFFICIENT,
        c.STANDARD_ERROR,
        required=(c.MODEL_VERSION, c.STRATUM, c.INDICATOR, c.COEFFICIENT),
    ),
    slice_by=(c.MODEL_VERSION,),
)


# --- programs: who gets what, and why ------------------------------------------------------------------------------
DROP: Final = "DROP"


def leaves() -> Column:
    """Return whether a row of a decision table left the program: since the last release, or against its own list."""
    return (F.col(c.CHANGE) == DROP) | (F.col(c.CHANGE_VS_RECIPIENT) == DROP)


def decision(program: str) -> TableContract:
    """Return the contract of a program's decision table: a row for every unit that was considered, and who left."""
    return TableContract(
        layer="programs",
        name=program,
        one_row_is="beneficiary unit × period",
        key=(c.PERIOD, c.FAMILY_ID, c.PERSON_ID),
        fields=fields(
            c.FAMILY_ID,
            c.PERSON_ID,
            c.DECISION,
            c.REASONS,
            c.CHANGE,
            c.CHANGE_VS_RECIPIENT,
            c.CHANGE_CAUSE,
            c.RECIPIENT_CAUSE,
            c.HOLD,
            c.NOTICE,
            c.NOTICE_ON,
            c.EFFECTIVE_ON,
            c.COMPONENTS,
            c.RED_FLAGS,
            c.BENEFIT_IDR_YEAR,
            c.DECILE,
            c.SCORE,
            c.CUT_MARGIN,
            c.REGION_CODE,
            c.PERIOD,
            c.RELEASE_ID,
            required=(c.DECISION, c.REASONS, c.CHANGE, c.CHANGE_VS_RECIPIENT),
        ),
        published=True,
        slice_by=(c.PERIOD,),
    )


# --- verify: field checks --------------------------------------------------------------------------------------------
ASSIGNMENT: Final = TableContract(
    layer="verify",
    name="assignment",
    one_row_is="drawn family × period",
    key=(c.ASSIGNMENT_ID,),
    fields=fields(
        c.ASSIGNMENT_ID,
        c.FAMILY_ID,
        c.REGION_CODE,
        c.STRATUM,
        c.PROBABILITY,
        c.REASON,
        c.OFFICER,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.ASSIGNMENT_ID, c.FAMILY_ID, c.STRATUM, c.PROBABILITY),
    ),
    slice_by=(c.PERIOD,),
)

# --- stats: for BI, no personal data -------------------------------------------------------------------------------
STATS_REGION: Final = TableContract(
    layer="stats",
    name="region",
    one_row_is="period × region (nation to kecamatan)",
    key=(c.PERIOD, c.REGION_CODE),
    fields=fields(
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.PERSONS,
        c.FAMILIES,
        c.REGISTRY_PERSONS,
        c.COVERAGE,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.REGION_CODE, c.REGION_LEVEL),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_DECILE: Final = TableContract(
    layer="stats",
    name="decile",
    one_row_is="period × region (nation to kecamatan) × decile",
    key=(c.PERIOD, c.REGION_CODE, c.DECILE),
    fields=fields(
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.DECILE,
        c.PERSONS,
        c.FAMILIES,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.REGION_CODE, c.REGION_LEVEL),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_PROGRAM: Final = TableContract(
    layer="stats",
    name="program",
    one_row_is="period × program × region (nation to kecamatan) × decision × change",
    key=(c.PERIOD, c.PROGRAM, c.REGION_CODE, c.DECISION, c.CHANGE),
    fields=fields(
        c.PROGRAM,
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.DECISION,
        c.CHANGE,
        c.UNIT,
        c.ROWS,
        c.BENEFIT_TOTAL_IDR_YEAR,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.PROGRAM, c.REGION_CODE),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)


def _stats(
    name: str, one_row_is: str, values: tuple[str, ...], counts: tuple[str, ...], *, by_program: bool = False
) -> TableContract:
    """A table of counts by region and other values, small cells left out."""
    program = (c.PROGRAM,) if by_program else ()
    return TableContract(
        layer="stats",
        name=name,
        one_row_is=one_row_is,
        key=(c.PERIOD, *program, c.REGION_CODE, *values),
        fields=fields(
            *program,
            c.REGION_CODE,
            c.REGION_LEVEL,
            c.REGION_NAME,
            *values,
            *counts,
            c.SUPPRESSED,
            c.PERIOD,
            c.RELEASE_ID,
            required=(*program, c.REGION_CODE, c.REGION_LEVEL),
        ),
        published=True,
        slice_by=(c.PERIOD,),
    )


STATS_POPULATION: Final = _stats(
    "population",
    "period × region (nation to kecamatan) × sex × age group",
    (c.SEX, c.AGE_GROUP),
    (c.PERSONS,),
)
STATS_PROFILE: Final = _stats(
    "profile",
    "period × program (all = everybody) × region (nation, province) × desil × sex × age group",
    (c.DECILE, c.SEX, c.AGE_GROUP),
    (c.PERSONS,),
    by_program=True,
)
STATS_CHANGE: Final = _stats(
    "change",
    "period × program × region (nation to kab/kota) × change against the last release × cause",
    (c.CHANGE, c.CHANGE_CAUSE),
    (c.ROWS,),
    by_program=True,
)
STATS_BUDGET: Final = _stats(
    "budget",
    "period × program × region (nation to kab/kota) × desil of the selected units",
    (c.DECILE,),
    (c.ROWS, c.BENEFIT_TOTAL_IDR_YEAR),
    by_program=True,
)
STATS_COVERAGE: Final = TableContract(
    layer="stats",
    name="coverage",
    one_row_is="period × source × region (nation to kab/kota): living persons whom the source knows",
    key=(c.PERIOD, c.SOURCE, c.REGION_CODE),
    fields=fields(
        c.SOURCE,
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.PERSONS,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.SOURCE, c.REGION_CODE),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_LINKAGE: Final = TableContract(
    layer="stats",
    name="linkage",
    one_row_is="period × source × reason of the link",
    key=(c.PERIOD, c.SOURCE, c.MATCH_REASON),
    fields=fields(
        c.SOURCE,
        c.MATCH_REASON,
        c.RECORDS,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.SOURCE, c.MATCH_REASON),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_FIGURE: Final = TableContract(
    layer="stats",
    name="figure",
    one_row_is=(
        "period × figure of the whole release: linkage weights and examples, PMT card, targeting, objections, payments"
    ),
    key=(c.PERIOD, c.TOPIC, c.SUBJECT, c.METRIC),
    fields=fields(
        c.TOPIC,
        c.SUBJECT,
        c.METRIC,
        c.VALUE,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.TOPIC, c.METRIC),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_OBJECTION: Final = TableContract(
    layer="stats",
    name="objection",
    one_row_is=(
        "period × region (nation to village) × channel × outcome × action that led to it × overdue: "
        "tickets that are open at its end, or ended since the release before; one row where all of a region is hidden"
    ),
    key=(c.PERIOD, c.REGION_CODE, c.CHANNEL, c.OUTCOME, c.ACTION, c.OVERDUE),
    fields=fields(
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.CHANNEL,
        c.OUTCOME,
        c.ACTION,
        c.OVERDUE,
        c.TICKETS,
        c.MEDIAN_DAYS,
        c.P90_DAYS,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.REGION_CODE, c.REGION_LEVEL),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_STEP: Final = TableContract(
    layer="stats",
    name="step",
    one_row_is=(
        "period × region (nation to village) × channel × state that tickets left: their days in it, of the tickets of "
        "stats/objection; no row where they are few, or days of few could be had"
    ),
    key=(c.PERIOD, c.REGION_CODE, c.CHANNEL, c.STATE_BEFORE),
    fields=fields(
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.CHANNEL,
        c.STATE_BEFORE,
        c.MEDIAN_STEP_DAYS,
        c.P90_STEP_DAYS,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.REGION_CODE, c.REGION_LEVEL, c.STATE_BEFORE),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS_TREND: Final = TableContract(
    layer="stats",
    name="trend",
    one_row_is="period × region (nation, province) × metric × subject: figures to be looked at over time",
    key=(c.PERIOD, c.REGION_CODE, c.METRIC, c.SUBJECT),
    fields=fields(
        c.REGION_CODE,
        c.REGION_LEVEL,
        c.REGION_NAME,
        c.METRIC,
        c.SUBJECT,
        c.VALUE,
        c.SUPPRESSED,
        c.PERIOD,
        c.RELEASE_ID,
        required=(c.REGION_CODE, c.REGION_LEVEL, c.METRIC, c.SUBJECT),
    ),
    published=True,
    slice_by=(c.PERIOD,),
)
STATS: Final = (
    STATS_REGION,
    STATS_DECILE,
    STATS_POPULATION,
    STATS_PROFILE,
    STATS_PROGRAM,
    STATS_CHANGE,
    STATS_BUDGET,
    STATS_COVERAGE,
    STATS_LINKAGE,
    STATS_FIGURE,
    STATS_OBJECTION,
    STATS_STEP,
    STATS_TREND,
)

# --- ops: accounts, written as the run goes ------------------------------------------------------------------------
LEDGER: Final = TableContract(
    layer="ops",
    name="ledger",
    one_row_is="run × stage × subject (× batch): rows in = rows out + rows set aside",
    key=(c.RUN_ID, c.STAGE, c.SUBJECT, c.BATCH_ID),
    fields=fields(
        c.RUN_ID,
        c.RELEASE_ID,
        c.STAGE,
        c.SUBJECT,
        c.BATCH_ID,
        c.ROWS_IN,
        c.ROWS_OUT,
        c.ROWS_SET_ASIDE,
        c.SET_ASIDE_REASON,
        c.RECORDED_AT,
    ),
)
RUN: Final = TableContract(
    layer="ops",
    name="run",
    one_row_is="run × stage",
    key=(c.RUN_ID, c.STAGE),
    fields=fields(
        c.RUN_ID,
        c.RELEASE_ID,
        c.PERIOD,
        c.STAGE,
        c.STATE,
        c.FINGERPRINT,
        c.ROWS,
        c.SECONDS,
        c.DETAIL,
        c.RECORDED_AT,
    ),
)
RELEASE: Final = TableContract(
    layer="ops",
    name="release",
    one_row_is="event of a release: BUILDING, AUDITED, REJECTED, APPROVED, PUBLISHED, ROLLED_BACK",
    key=(c.RELEASE_ID, c.STATE, c.RECORDED_AT),
    fields=fields(c.RELEASE_ID, c.PERIOD, c.STATE, c.ROLE, c.ACTOR, c.TABLES_JSON, c.DETAIL, c.RUN_ID, c.RECORDED_AT),
)
DQ_METRIC: Final = TableContract(
    layer="ops",
    name="dq_metric",
    one_row_is="release × stage × metric × subject × rule × region",
    key=(c.RELEASE_ID, c.STAGE, c.METRIC, c.SUBJECT, c.RULE, c.REGION_CODE),
    fields=fields(
        c.RELEASE_ID,
        c.PERIOD,
        c.STAGE,
        c.METRIC,
        c.SUBJECT,
        c.RULE,
        c.REGION_CODE,
        c.VALUE,
        c.SEVERITY,
        c.RECORDED_AT,
    ),
    slice_by=(c.RELEASE_ID, c.STAGE),
)
BATCH: Final = TableContract(
    layer="ops",
    name="batch",
    one_row_is="offered batch and content: APPLIED, REFUSED, or PURGED after its time",
    key=(c.SOURCE, c.SOURCE_TABLE, c.BATCH_ID, c.MANIFEST_SHA256),
    fields=fields(
        c.SOURCE,
        c.SOURCE_TABLE,
        c.BATCH_ID,
        c.AS_OF,
        c.BATCH_MODE,
        c.MANIFEST_SHA256,
        c.STATE,
        c.REASON,
        c.ROWS,
        c.DRIFT,
        c.RELEASE_ID,
        c.RECORDED_AT,
        required=(c.SOURCE, c.SOURCE_TABLE, c.BATCH_ID, c.STATE),
    ),
)
LEAVER_DECISION: Final = TableContract(
    layer="ops",
    name="leaver_decision",
    one_row_is="what a person decided on leavers of a release: one unit, or all that wait (no unit_id)",
    key=(c.RELEASE_ID, c.PROGRAM, c.UNIT_ID, c.RECORDED_AT),
    fields=fields(c.RELEASE_ID, c.PROGRAM, c.UNIT_ID, c.STATE, c.ROLE, c.ACTOR, c.RECORDED_AT),
)
ACCESS_LOG: Final = TableContract(
    layer="ops",
    name="access_log",
    one_row_is="look at a person or family",
    key=(c.RECORDED_AT, c.ACTOR, c.SUBJECT),
    fields=fields(c.RECORDED_AT, c.ACTOR, c.ROLE, c.PURPOSE, c.SUBJECT, c.DETAIL),
)
TOMBSTONE: Final = TableContract(
    layer="ops",
    name="tombstone",
    one_row_is="erasure of a person, by keyed hash: nothing else of the person stays",
    key=(c.SUBJECT, c.RECORDED_AT),
    fields=fields(
        c.SUBJECT,
        c.BLOCKS,
        c.RECORD_HASHES,
        c.CONTENT_HASH,
        c.ROWS,
        c.DETAIL,
        c.PURPOSE,
        c.RECORDED_AT,
        required=(c.SUBJECT,),
    ),
)

KEY_ROTATION: Final = TableContract(
    layer="ops",
    name="key_rotation",
    one_row_is="change of the id key: it holds from this row on",
    key=(c.ROTATION,),
    fields=fields(
        c.ROTATION, c.FINGERPRINT, c.ROWS, c.DETAIL, c.ACTOR, c.RECORDED_AT, required=(c.ROTATION, c.FINGERPRINT)
    ),
)
ID_CROSSWALK: Final = TableContract(
    layer="ops",
    name="id_crosswalk",
    one_row_is="change of the id key × id that was ever given out before it; for auditors",
    key=(c.ROTATION, c.OLD_ID),
    fields=fields(c.OLD_ID, c.NEW_ID, c.ROTATION, required=(c.OLD_ID, c.NEW_ID, c.ROTATION)),
    slice_by=(c.ROTATION,),
)

TABLES: Final[tuple[TableContract, ...]] = (
    STANDING,
    SET_ASIDE,
    TICKET,
    TICKET_EVENT,
    OVERRIDE,
    EFFECT,
    ANSWER,
    PERSON_RECORD,
    FAMILY_RECORD,
    SURVEY_HOUSEHOLD,
    SURVEY_MEMBER,
    POWER_CUSTOMER,
    EMPLOYMENT_INSURANCE,
    HEALTH_INSURANCE,
    PAYROLL,
    RECIPIENT,
    LABEL_PAIR,
    CORRECTION,
    LINKAGE_TERM,
    *LINKAGE_KEPT,
    EDGE,
    MEMBERSHIP,
    CROSSWALK,
    REVIEW_QUEUE,
    PERSON,
    PERSON_ATTRIBUTE,
    FAMILY,
    FAMILY_MEMBER,
    FAMILY_ATTRIBUTE,
    SCORE,
    SCORE_PART,
    WELFARE_CHANGE,
    CUTPOINT,
    PMT_COEFFICIENT,
    ASSIGNMENT,
    *STATS,
    LEDGER,
    RUN,
    RELEASE,
    DQ_METRIC,
    BATCH,
    LEAVER_DECISION,
    ACCESS_LOG,
    TOMBSTONE,
    KEY_ROTATION,
    ID_CROSSWALK,
)
