"""Every column name of our tables once: type, meaning, unit, privacy class.

Same quantity and same unit = same name, in every table. Dates are days, money is rupiah, codes are strings.
The columns of the landing files are not here: they belong to those who deliver (``tables.LANDING``).
"""

from dataclasses import dataclass
from enum import StrEnum

from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)


class Privacy(StrEnum):
    """Privacy class of a column (UU 27/2022 art. 4): what may leave the register, and to whom."""

    IDENTIFYING = "identifying"  # names, NIK, KK, addresses, record ids: auditors and the purpose only
    SPECIFIC = "specific"  # health, disability, children, personal finance: art. 4(2)
    ORDINARY = "ordinary"  # about a person or family, behind an opaque id
    PUBLIC = "public"  # says nothing of one person


@dataclass(frozen=True)
class ColumnInfo:
    """What a column means wherever it stands.

    Attributes:
        name: Column name.
        type: Spark type.
        meaning: One sentence.
        unit: Unit of a quantity, else empty.
        privacy: Privacy class.
    """

    name: str
    type: DataType
    meaning: str
    unit: str
    privacy: Privacy

    @property
    def comment(self) -> str:
        """Text of the Delta column comment."""
        return f"{self.meaning} [{self.unit}]" if self.unit else self.meaning


COLUMNS: dict[str, ColumnInfo] = {}

_STRING = StringType()
_INT = IntegerType()
_LONG = LongType()
_BOOL = BooleanType()
_DATE = DateType()
_TIME = TimestampType()
_DOUBLE = DoubleType()
_DECIMAL = DecimalType(20, 6)
_STRINGS = ArrayType(StringType(), containsNull=True)
_PARTS = ArrayType(StructType([StructField("indicator", StringType()), StructField("points", LongType())]))
_INPUTS = ArrayType(
    StructType(
        [StructField("indicator", StringType()), StructField("source", StringType()), StructField("as_of", DateType())]
    )
)
_INTEGERS = ArrayType(IntegerType())
_LONGS = ArrayType(LongType())
_IDENTIFYING = Privacy.IDENTIFYING
_SPECIFIC = Privacy.SPECIFIC
_PUBLIC = Privacy.PUBLIC


def _col(name: str, data_type: DataType, meaning: str, privacy: Privacy = Privacy.ORDINARY, *, unit: str = "") -> str:
    if name in COLUMNS:
        message = f"column {name} is declared twice"
        raise ValueError(message)
    COLUMNS[name] = ColumnInfo(name, data_type, meaning, unit, privacy)
    return name


# Releases, runs and accounts
PERIOD = _col("period", _STRING, "Quarter (2026Q1) or month (2026-02) that the row describes.", _PUBLIC)
RELEASE_ID = _col("release_id", _STRING, "Release that wrote the row: <period>.<revision>.", _PUBLIC)
RUN_ID = _col("run_id", _STRING, "One start of the job.", _PUBLIC)
STAGE = _col("stage", _STRING, "Stage of the pipeline.", _PUBLIC)
STATE = _col("state", _STRING, "State of the row's subject, from the list of its table.", _PUBLIC)
RECORDED_AT = _col("recorded_at", _TIME, "When the row was written, UTC.", _PUBLIC)
FINGERPRINT = _col(
    "fingerprint", _STRING, "SHA-256 of everything a stage depends on: code, configuration, inputs.", _PUBLIC
)
SECONDS = _col("seconds", _DOUBLE, "Duration.", _PUBLIC, unit="s")
OLD_ID = _col("old_id", _STRING, "Id of a person or family under any earlier key.")
NEW_ID = _col("new_id", _STRING, "Id of the same person or family under the key of the rotation.")
ROTATION = _col("rotation", _STRING, "Number of the change of the id key, from 1.", _PUBLIC)
BLOCKS = _col(
    "blocks",
    _STRING,
    "Deliveries of an erased person that are set aside: ALL, OTHERS (all but the registry's and the person's own "
    "tickets) or NONE; the newest row of a subject holds.",
    _PUBLIC,
)
RECORD_HASHES = _col("record_hashes", _STRINGS, "Keyed hashes of the record ids of an erased person.")
DETAIL = _col("detail", _STRING, "Facts as JSON; never a person's value.", _PUBLIC)
TABLES_JSON = _col(
    "tables_json", _STRING, "Delta version, rows and content hash of each published table, as JSON.", _PUBLIC
)
ROWS_IN = _col("rows_in", _LONG, "Rows that a stage took in.", _PUBLIC, unit="rows")
ROWS_OUT = _col("rows_out", _LONG, "Rows that a stage passed on.", _PUBLIC, unit="rows")
ROWS_SET_ASIDE = _col("rows_set_aside", _LONG, "Rows that a stage set aside.", _PUBLIC, unit="rows")
SET_ASIDE_REASON = _col("set_aside_reason", _STRING, "Why rows were set aside, counted by reason, as JSON.", _PUBLIC)
SUBJECT = _col("subject", _STRING, "What the account or figure is about, such as a table.", _PUBLIC)
METRIC = _col("metric", _STRING, "Name of a quality figure.", _PUBLIC)
RULE = _col("rule", _STRING, "Name of the rule that counted.", _PUBLIC)
VALUE = _col("value", _DOUBLE, "Value of a quality figure; the metric says its unit.", _PUBLIC)
SEVERITY = _col("severity", _STRING, "critical stops a release, warning flags it, info is for reading.", _PUBLIC)
ACTOR = _col("actor", _STRING, "Who acted or looked, as given by the caller.", _IDENTIFYING)
ROLE = _col("role", _STRING, "Role in which somebody acted.", _PUBLIC)
PURPOSE = _col("purpose", _STRING, "What a look was for.", _PUBLIC)
CONTENT_HASH = _col("content_hash", _STRING, "Sum of the row hashes over the contract's columns.", _PUBLIC)
ROWS = _col("rows", _LONG, "Number of rows.", _PUBLIC, unit="rows")

# Deliveries
SOURCE = _col("source", _STRING, "Delivering source, such as dtks.", _PUBLIC)
SOURCE_TABLE = _col("source_table", _STRING, "Table of the source, such as anggota.", _PUBLIC)
BATCH_ID = _col("batch_id", _STRING, "Batch of the delivery.", _PUBLIC)
AS_OF = _col("as_of", _DATE, "Day that the batch describes.", _PUBLIC)
BATCH_MODE = _col("batch_mode", _STRING, "full or delta.", _PUBLIC)
OP = _col("op", _STRING, "Operation of a delta row: U insert or update, D delete.", _PUBLIC)
FILE = _col("file", _STRING, "File name inside the batch.", _PUBLIC)
LINE = _col(
    "line",
    _LONG,
    "Line of the file where the record starts; the header is line 1 (Parquet: row number, from 1).",
    _PUBLIC,
)
RECORD_NO = _col("record_no", _LONG, "Record of the file, from 1; the header is none.", _PUBLIC)
LINE_BREAKS = _col(
    "line_breaks", _INT, "Line breaks inside the record, and blank lines behind it.", _PUBLIC, unit="lines"
)
MANIFEST_SHA256 = _col("manifest_sha256", _STRING, "SHA-256 of the batch's manifest, 64 hex digits.", _PUBLIC)
DRIFT = _col(
    "drift",
    _STRING,
    "How the batch differs from the contract, as JSON: columns new, missing, of another type.",
    _PUBLIC,
)
RAW = _col("raw", _STRING, "The rejected record as delivered.", _IDENTIFYING)
REASONS = _col("reasons", _STRINGS, "Every reason, sorted.", _PUBLIC)
VALUE_REASONS = _col("value_reasons", _STRINGS, "Delivered values that were not taken, as <column>:<rule>.", _PUBLIC)
NATIVE_KEY = _col(
    "native_key", _STRING, "Native key of a delivered row; parts of a composite key are joined by |.", _IDENTIFYING
)
EXTRA = _col("extra", _STRING, "Columns that the contract does not know, as JSON.", _IDENTIFYING)
CORRUPT = _col("corrupt", _STRING, "Text of a record that could not be parsed, else null.", _IDENTIFYING)
STALE_QUARANTINED = _col(
    "stale_quarantined", _BOOL, "A newer row of this key is in quarantine; this is its last accepted state.", _PUBLIC
)
PARENT_GONE = _col("parent_gone", _BOOL, "The family or household row was removed later.", _PUBLIC)

# Person records
RECORD_ID = _col("record_id", _STRING, "<source>:<native key>; can hold a NIK.", _IDENTIFYING)
FAMILY_RECORD_ID = _col(
    "family_record_id", _STRING, "Family of the record inside its source: <source>/<table>:<key>.", _IDENTIFYING
)
NIK = _col("nik", _STRING, "NIK, 16 digits of valid form; the person's own where verified.", _IDENTIFYING)
NIK_CLAIMED = _col(
    "nik_claimed",
    _STRING,
    "NIK that a record states but that is somebody else's, or that several persons state.",
    _IDENTIFYING,
)
NIK_GRADE = _col(
    "nik_grade",
    _STRING,
    "V3 in Dukcapil and agreeing, V2 in Dukcapil and disagreeing, V1 well-formed only, V0 none or a dummy.",
)
NIK_REASONS = _col("nik_reasons", _STRINGS, "Structural findings about the stated NIK, sorted.", _PUBLIC)
NIK_BIRTH_DATE = _col(
    "nik_birth_date", _DATE, "Birth date inside the NIK, century settled by the stated date.", _IDENTIFYING
)
NIK_SEX = _col("nik_sex", _STRING, "Sex inside the NIK: L or P.")
NIK_REGION = _col("nik_region", _STRING, "Kecamatan of first registration, as written in the NIK.")
NIK_SERIAL = _col("nik_serial", _STRING, "Serial of the NIK.", _IDENTIFYING)
NO_KK = _col("no_kk", _STRING, "Family card number, 16 digits of valid form.", _IDENTIFYING)
NAME = _col("name", _STRING, "Name as recorded.", _IDENTIFYING)
NAME_NORM = _col("name_norm", _STRING, "Name after normalisation, tokens in order.", _IDENTIFYING)
NAME_SORTED = _col("name_sorted", _STRING, "Normalised tokens, sorted.", _IDENTIFYING)
NAME_TOKENS = _col("name_tokens", _STRINGS, "Normalised tokens, sorted, distinct.", _IDENTIFYING)
NAME_PHONETIC = _col(
    "name_phonetic", _STRING, "Phonetic key of the first token that is not a common one.", _IDENTIFYING
)
TOKEN_COUNT = _col("token_count", _INT, "Tokens of the normalised name; 1 is a mononym.")
MOTHER_NAME_NORM = _col("mother_name_norm", _STRING, "Mother's name after normalisation.", _IDENTIFYING)
MOTHER_NIK = _col("mother_nik", _STRING, "Mother's NIK.", _IDENTIFYING)
FATHER_NIK = _col("father_nik", _STRING, "Father's NIK.", _IDENTIFYING)
SEX = _col("sex", _STRING, "L male, P female.")
BIRTH_DATE = _col("birth_date", _DATE, "Birth date, where day, month and year are known and plausible.", _IDENTIFYING)
BIRTH_YEAR = _col("birth_year", _INT, "Year of birth.")
BIRTH_MONTH = _col("birth_month", _INT, "Month of birth.")
BIRTH_DAY = _col("birth_day", _INT, "Day of birth.")
BIRTH_HEAPED = _col("birth_heaped", _BOOL, "The date is one that offices put in for an unknown date.")
BIRTH_PLACE = _col("birth_place", _STRING, "Place of birth, upper case.", _IDENTIFYING)
REGION_CODE = _col(
    "region_code",
    _STRING,
    "Current Kemendagri code of residence, at the finest level that is sure (2, 4, 6 or 10 digits).",
)
REGION_STATE = _col(
    "region_state",
    _STRING,
    "OK, AMBIGUOUS, UNMATCHED or MISSING: how the delivered code reached the current list.",
    _PUBLIC,
)
ADDRESS = _col("address", _STRING, "Address as recorded.", _IDENTIFYING)
RELATION = _col("relation", _STRING, "Relation to the head of the family, our code.")
MARITAL = _col("marital", _STRING, "Marital state: SINGLE, MARRIED, DIVORCED, WIDOWED.")
REGISTRY_STATUS = _col("registry_status", _STRING, "Dukcapil: ACTIVE, DECEASED, ABROAD, INACTIVE.")
STATUS_DATE = _col("status_date", _DATE, "Day of the registry status.")
PRESENCE = _col("presence", _STRING, "Found at the visit: PRESENT, NEW, AWAY, MOVED, ABROAD, NOT_FOUND, DECEASED.")

# Person indicators
EDUCATION = _col(
    "education", _STRING, "Highest schooling completed: NONE, PRIMARY, LOWER_SECONDARY, UPPER_SECONDARY, TERTIARY."
)
SCHOOL_LEVEL = _col(
    "school_level", _STRING, "Level attended now: PRIMARY, LOWER_SECONDARY, UPPER_SECONDARY, TERTIARY.", _SPECIFIC
)
IN_SCHOOL = _col("in_school", _BOOL, "Attends school now.", _SPECIFIC)
WORKING = _col("working", _BOOL, "Worked last week.")
EMPLOYMENT_STATUS = _col("employment_status", _STRING, "Status in main job, our code.")
OCCUPATION = _col("occupation", _STRING, "Occupation, our code.")
HAS_BUSINESS = _col("has_business", _BOOL, "Runs an own business.", _SPECIFIC)
DISABILITY = _col("disability", _STRING, "Functional difficulty: NONE, MODERATE, SEVERE.", _SPECIFIC)
CHRONIC = _col("chronic", _BOOL, "Chronic illness.", _SPECIFIC)
PREGNANT = _col("pregnant", _BOOL, "Pregnant.", _SPECIFIC)
HAS_ID_DOCUMENT = _col("has_id_document", _BOOL, "Holds a KTP, KIA or birth certificate.")
HEALTH_COVER = _col("health_cover", _STRING, "Health insurance: NONE, PBI, OWN, EMPLOYER, NON_PBI, OTHER.", _SPECIFIC)
EMPLOYMENT_COVER = _col("employment_cover", _BOOL, "Covered for work accident (JKK) or death (JKM).", _SPECIFIC)
STUNTED = _col("stunted", _BOOL, "Stunted or wasted child.", _SPECIFIC)

# Family indicators
URBAN = _col("urban", _BOOL, "Urban area.")
TENURE = _col("tenure", _STRING, "Tenure of the dwelling, our code.")
FLOOR_AREA_M2 = _col("floor_area_m2", _INT, "Floor area of the dwelling.", unit="m2")
FLOOR = _col("floor", _STRING, "Main floor material, our code.")
WALL = _col("wall", _STRING, "Main wall material, our code.")
ROOF = _col("roof", _STRING, "Main roof material, our code.")
WATER = _col("water", _STRING, "Main source of drinking water, our code.")
LIGHTING = _col("lighting", _STRING, "Main source of lighting, our code.")
POWER = _col("power", _STRING, "Connected power, our code by VA.")
COOKING_FUEL = _col("cooking_fuel", _STRING, "Main cooking fuel, our code.")
TOILET = _col("toilet", _STRING, "Toilet facility, our code.")
CLOSET = _col("closet", _STRING, "Kind of closet, our code.")
SEWAGE = _col("sewage", _STRING, "Place of final disposal, our code.")
HAS_GAS_CYLINDER = _col("has_gas_cylinder", _BOOL, "Owns a gas cylinder of 5.5 kg or more.")
HAS_FRIDGE = _col("has_fridge", _BOOL, "Owns a refrigerator.")
HAS_AC = _col("has_ac", _BOOL, "Owns an air conditioner.")
HAS_WATER_HEATER = _col("has_water_heater", _BOOL, "Owns a water heater.")
HAS_TELEPHONE = _col("has_telephone", _BOOL, "Owns a fixed telephone.")
HAS_TV = _col("has_tv", _BOOL, "Owns a television set.")
HAS_GOLD = _col("has_gold", _BOOL, "Owns 10 g of gold or more.", _SPECIFIC)
HAS_COMPUTER = _col("has_computer", _BOOL, "Owns a computer.")
HAS_MOTORCYCLE = _col("has_motorcycle", _BOOL, "Owns a motorcycle.")
HAS_BICYCLE = _col("has_bicycle", _BOOL, "Owns a bicycle.")
HAS_CAR = _col("has_car", _BOOL, "Owns a car.")
HAS_BOAT = _col("has_boat", _BOOL, "Owns a boat.")
HAS_MOTOR_BOAT = _col("has_motor_boat", _BOOL, "Owns a motor boat.")
HAS_SMARTPHONE = _col("has_smartphone", _BOOL, "Owns a smartphone.")
HAS_LAND = _col("has_land", _BOOL, "Owns land elsewhere.", _SPECIFIC)
HAS_OTHER_HOUSE = _col("has_other_house", _BOOL, "Owns another house.", _SPECIFIC)
CATTLE = _col("cattle", _INT, "Head of cattle.", unit="animals")
BUFFALO = _col("buffalo", _INT, "Head of buffalo.", unit="animals")
HORSES = _col("horses", _INT, "Horses.", unit="animals")
PIGS = _col("pigs", _INT, "Pigs.", unit="animals")
GOATS = _col("goats", _INT, "Goats and sheep.", unit="animals")
INTERNET = _col("internet", _STRING, "Use of the internet, our code.")
BANK_ACCOUNT = _col("bank_account", _STRING, "Holds an account, our code.", _SPECIFIC)
FAMILY_PART = _col("family_part", _STRING, "KK as listed, main family, or split family (Regsosek 115).", _PUBLIC)

# Survey
HOUSEHOLD_ID = _col("household_id", _STRING, "Surveyed household.", _IDENTIFYING)
KAB_CODE = _col("kab_code", _STRING, "Kab/kota of residence, current Kemendagri code, 4 digits.", _PUBLIC)
WEIGHT = _col("weight", _DECIMAL, "Survey weight.", _PUBLIC)
EXPENDITURE_PER_CAPITA = _col(
    "expenditure_per_capita", _DECIMAL, "Household expenditure for each member.", _SPECIFIC, unit="IDR/month"
)
AGE = _col("age", _INT, "Age at the last day of the period (survey: as stated).", unit="years")

# Other registers
CUSTOMER_ID = _col("customer_id", _STRING, "Power customer number.", _IDENTIFYING)
POWER_VA = _col("power_va", _INT, "Connected power.", unit="VA")
KWH_MONTH = _col("kwh_month", _DECIMAL, "Use of power.", unit="kWh/month")
SEGMENT = _col("segment", _STRING, "Segment of membership.", _SPECIFIC)
WAGE_IDR_MONTH = _col("wage_idr_month", _LONG, "Reported wage.", _SPECIFIC, unit="IDR/month")
ACTIVE = _col("active", _BOOL, "Membership is active.", _PUBLIC)
CATASTROPHIC = _col("catastrophic", _BOOL, "Catastrophic illness under treatment.", _SPECIFIC)
PAYROLL_KIND = _col("payroll_kind", _STRING, "Kind of state pay-roll or village office.")
PROGRAM = _col("program", _STRING, "Program code: pkh, bpnt, pbi_jkn, employment.", _PUBLIC)
SINCE = _col("since", _DATE, "Receives since.")

# Identity
PERSON_ID = _col("person_id", _STRING, "Opaque, keyed, permanent id of a person.")
FAMILY_ID = _col("family_id", _STRING, "Opaque, keyed, permanent id of a family.")
ANCHOR_RECORD_ID = _col("anchor_record_id", _STRING, "Registry record that a cluster hangs on.", _IDENTIFYING)
MATCH_REASON = _col("match_reason", _STRING, "Why the record belongs to the person.", _PUBLIC)
MATCH_WEIGHT = _col(
    "match_weight", _DOUBLE, "Log2 Bayes factor of the link; null where a rule decided.", _PUBLIC, unit="bits"
)
VALID_FROM = _col("valid_from", _STRING, "First release of this row.", _PUBLIC)
VALID_TO = _col("valid_to", _STRING, "Last release of this row; null while it holds.", _PUBLIC)
EVENT = _col("event", _STRING, "What happened to an id: MINTED, MERGED, SPLIT, RETIRED.", _PUBLIC)
OTHER_PERSON_ID = _col("other_person_id", _STRING, "The other person of a merge or split.")
KIND = _col("kind", _STRING, "Kind of review item.", _PUBLIC)
RECORD_ID_L = _col("record_id_l", _STRING, "Left record of a pair.", _IDENTIFYING)
RECORD_ID_R = _col("record_id_r", _STRING, "Right record of a pair.", _IDENTIFYING)
REASON = _col("reason", _STRING, "Why, one reason of a list.", _PUBLIC)
LABEL = _col("label", _STRING, "What a person decided on a pair: MUST_LINK or CANNOT_LINK.", _PUBLIC)
DECIDED_BY = _col("decided_by", _STRING, "Who decided.", _IDENTIFYING)
DECIDED_AT = _col("decided_at", _TIME, "When it was decided, UTC.", _PUBLIC)
_A_NODE = "of the linkage: a registry row's NIK as a number, or minus a hash of another record's id."
NODE = _col("node", _LONG, f"Node {_A_NODE}", _IDENTIFYING)
NODE_L = _col("node_l", _LONG, f"Left node {_A_NODE}", _IDENTIFYING)
NODE_R = _col("node_r", _LONG, f"Right node {_A_NODE}", _IDENTIFYING)
NODE_HASH = _col("node_hash", _LONG, "Hash of all that the linkage compares of a node.", _IDENTIFYING)
BLOCK_KEYS = _col(
    "block_keys", _LONGS, "Hashed keys of the blocks that a node stands in, by rule; null = none.", _IDENTIFYING
)
REFINEMENTS = _col("refinements", _LONGS, "Hashes of what a block that is too large is split by.", _IDENTIFYING)
LEVELS = _col("levels", _INTEGERS, "Level of each comparison in the model's order; -1 = says nothing.", _PUBLIC)
BLOCKS_DROPPED = _col("blocks_dropped", _LONG, "Blocks that stayed too large.", _PUBLIC, unit="blocks")
BLOCKING_RULE = _col("blocking_rule", _INT, "First blocking rule that proposed the pair.", _PUBLIC)
AGREEMENT = _col("agreement", _STRING, "Comparison levels of the pair, as JSON: comparison, level, weight.")
PRIOR_WEIGHT = _col(
    "prior_weight", _DOUBLE, "Log2 odds that two records drawn at random are one person.", _PUBLIC, unit="bits"
)
NEEDED_WEIGHT = _col("needed_weight", _DOUBLE, "Least match weight of such a link.", _PUBLIC, unit="bits")
RUNNER_UP_WEIGHT = _col("runner_up_weight", _DOUBLE, "Match weight of the second-best anchor.", _PUBLIC, unit="bits")
DECISIVE = _col(
    "decisive", _STRINGS, "Comparisons or rules without any one of which the link would not hold; sorted.", _PUBLIC
)
HOLDING_RULES = _col("holding_rules", _STRINGS, "Deterministic rules that the pair meets, strongest first.", _PUBLIC)
TERM = _col("term", _STRING, "Name or token that many registry persons bear.", _PUBLIC)
TERM_KIND = _col("term_kind", _STRING, "What a term is: NAME (whole) or TOKEN.", _PUBLIC)
TERM_CLASS = _col(
    "term_class",
    _INT,
    "How common: 0 borne by 1 in 100 at least, 1 by 1 in 1 000, 2 by 1 in 10 000, 3 by 1 in 100 000.",
    _PUBLIC,
)
LINK_CONFIDENCE = _col("link_confidence", _STRING, "How sure the record's link is: SURE, REVIEW.", _PUBLIC)

# Master
HEAD_PERSON_ID = _col("head_person_id", _STRING, "Head of the family.")
MEMBERS = _col("members", _INT, "Living members.", unit="persons")
ALIVE = _col("alive", _BOOL, "Not recorded as deceased.")
SOURCES = _col("sources", _STRINGS, "Sources that know the person, sorted.", _PUBLIC)
SOURCE_OF = _col("source_of", _STRING, "Which record each value came from, as JSON: column, source, as_of.")
CHILD_UNDER_7 = _col("child_under_7", _INT, "Children of 0-6 years.", unit="persons")
ELDERLY = _col("elderly", _INT, "Members of 60 years and more.", unit="persons")

# Welfare
LOG_EXPENDITURE = _col(
    "log_expenditure", _DOUBLE, "Predicted log of monthly expenditure for each member.", _SPECIFIC, unit="log IDR"
)
SCORE = _col("score", _LONG, "Predicted log expenditure in millionths: what decides.", _SPECIFIC, unit="1e-6 log IDR")
EXPENDITURE_IDR_MONTH = _col(
    "expenditure_idr_month",
    _LONG,
    "Predicted expenditure for each member, smearing-corrected.",
    _SPECIFIC,
    unit="IDR/month",
)
DECILE = _col("decile", _INT, "Desil: 1 poorest to 10 richest tenth.", _SPECIFIC)
MODEL_VERSION = _col("model_version", _STRING, "Model that scored the family.", _PUBLIC)
K = _col("k", _INT, "Number of a cut point, 1 to 9.", _PUBLIC)
UNIT = _col("unit", _STRING, "Unit that is counted: person or family.", _PUBLIC)
WEIGHT_BELOW = _col("weight_below", _LONG, "Weight strictly below the cut.", _PUBLIC, unit="units")
SCORE_PARTS = _col(
    "score_parts",
    _PARTS,
    "Parts of the score: indicator and points; they add up to the score.",
    _SPECIFIC,
    unit="1e-6 log IDR",
)
CONFIDENCE = _col(
    "confidence",
    _DOUBLE,
    "Share of what moves scores that was observed and fresh for this family, 0 to 1; each input counts by its signal.",
    _PUBLIC,
)
SCORE_ERROR = _col(
    "score_error",
    _LONG,
    "Standard error of the score: of the coefficients, the place's level, missing and stale inputs.",
    _SPECIFIC,
    unit="1e-6 log IDR",
)
EXPENDITURE_LOW_IDR_MONTH = _col(
    "expenditure_low_idr_month",
    _LONG,
    "Lower end of the prediction interval of the family's own expenditure.",
    _SPECIFIC,
    unit="IDR/month",
)
EXPENDITURE_HIGH_IDR_MONTH = _col(
    "expenditure_high_idr_month",
    _LONG,
    "Upper end of the prediction interval of the family's own expenditure.",
    _SPECIFIC,
    unit="IDR/month",
)
DECILE_STATE = _col(
    "decile_state", _STRING, "BORDERLINE where the interval of the score straddles a cut, else CLEAR.", _PUBLIC
)
DECILE_PERMILLE = _col(
    "decile_permille",
    _INTEGERS,
    "Probability of each decile 1 to 10, given the error of the score; only where it is BORDERLINE.",
    _SPECIFIC,
    unit="per mille",
)
KAB_RANK = _col("kab_rank", _LONG, "Rank inside the kab/kota: 1 + ranked families there with a lower score.", _SPECIFIC)
KAB_FAMILIES = _col("kab_families", _LONG, "Ranked families of the kab/kota.", _PUBLIC, unit="families")
WEAKEST_LINK = _col(
    "weakest_link",
    _DOUBLE,
    "Least match weight among the links of the family's members; null where rules decided all of them.",
    _PUBLIC,
    unit="bits",
)
RECORDS_IN_REVIEW = _col(
    "records_in_review", _INT, "Records of the family's members that wait in the review queue.", _PUBLIC, unit="records"
)
MEMBER_HASH = _col("member_hash", _LONG, "Fingerprint of who the members are: equal where nobody came or went.")
MODEL_VARIANT = _col(
    "model_variant",
    _STRING,
    "Which inputs the model used: full, asset (without what only the longest form asks), dwelling (no asset known), "
    "utility (of the dwelling only the power) or person; of a model by place, the place.",
    _PUBLIC,
)
SCORE_INPUTS = _col(
    "score_inputs",
    _INPUTS,
    "Source and day of each indicator of the score; of persons' indicators the member with the oldest value.",
)
OLDEST_INPUT = _col("oldest_input", _DATE, "Day of the oldest input of the score.", _PUBLIC)
MOVE = _col(
    "move",
    _STRING,
    "Against the last release: UP, DOWN, SAME decile, NEW family, GONE, RANKED now, UNRANKED now.",
    _SPECIFIC,
)
DECILE_CAUSE = _col(
    "decile_cause",
    _STRING,
    "What moved the decile most: OWN_DATA, MEMBERSHIP, MODEL, CUT; null where it stands where it stood.",
    _PUBLIC,
)
EXPENDITURE_BEFORE = _col(
    "expenditure_before_idr_month",
    _LONG,
    "Predicted expenditure for each member in the last release.",
    _SPECIFIC,
    unit="IDR/month",
)
REFERENCE_CUT = _col(
    "reference_cut",
    _INT,
    "Cut whose distance the points add up to: the upper one of the old decile, for a fall the lower one.",
    _PUBLIC,
)
MARGIN_BEFORE = _col(
    "margin_before", _LONG, "Score less the reference cut, in the last release.", _SPECIFIC, unit="1e-6 log IDR"
)
MARGIN = _col("margin", _LONG, "Score less the reference cut, now.", _SPECIFIC, unit="1e-6 log IDR")
OWN_DATA_POINTS = _col(
    "own_data_points", _LONG, "Move of the margin by the family's own data.", _SPECIFIC, unit="1e-6 log IDR"
)
MEMBERSHIP_POINTS = _col(
    "membership_points", _LONG, "Move of the margin by who came and went.", _SPECIFIC, unit="1e-6 log IDR"
)
MODEL_POINTS = _col("model_points", _LONG, "Move of the margin by another model.", _SPECIFIC, unit="1e-6 log IDR")
CUT_POINTS = _col("cut_points", _LONG, "Move of the margin by another cut.", _SPECIFIC, unit="1e-6 log IDR")
OWN_DATA_DECILES = _col("own_data_deciles", _INT, "Deciles moved by the family's own data.", _SPECIFIC, unit="deciles")
MEMBERSHIP_DECILES = _col("membership_deciles", _INT, "Deciles moved by who came and went.", _SPECIFIC, unit="deciles")
MODEL_DECILES = _col("model_deciles", _INT, "Deciles moved by another model.", _SPECIFIC, unit="deciles")
CUT_DECILES = _col("cut_deciles", _INT, "Deciles moved by other cuts.", _SPECIFIC, unit="deciles")
PREVIOUS_RELEASE = _col("previous_release", _STRING, "Release that is compared with.", _PUBLIC)
INDICATOR = _col("indicator", _STRING, "Name of an indicator.", _PUBLIC)
STRATUM = _col("stratum", _STRING, "Stratum of a model or a sample.", _PUBLIC)
COEFFICIENT = _col("coefficient", _DOUBLE, "Coefficient of the model.", _PUBLIC)
STANDARD_ERROR = _col("standard_error", _DOUBLE, "Standard error of the coefficient.", _PUBLIC)

# Programs
DECISION = _col("decision", _STRING, "SELECTED, ELIGIBLE, EXCLUDED or NOT_ELIGIBLE.")
CHANGE = _col("change", _STRING, "Against the last published release: ADD, KEEP, DROP, NONE.")
CHANGE_VS_RECIPIENT = _col("change_vs_recipient", _STRING, "Against the program's own list: ADD, KEEP, DROP, NONE.")
CHANGE_CAUSE = _col("change_cause", _STRING, "Why the decision differs from the last release.")
BENEFIT_IDR_YEAR = _col("benefit_idr_year", _LONG, "Benefit of a full year.", _SPECIFIC, unit="IDR/year")
UNIT_ID = _col("unit_id", _STRING, "Unit of a program: person_id, or family_id where the unit is the family.")
RECIPIENT_CAUSE = _col("recipient_cause", _STRING, "Why the decision differs from the program's own list.")
CUT_MARGIN = _col(
    "cut_margin",
    _LONG,
    "Score less the last score that was still taken, by the region's quota or the program's deciles: above 0 is out.",
    _SPECIFIC,
    unit="1e-6 log IDR",
)
RED_FLAGS = _col(
    "red_flags", _STRINGS, "What speaks against the need and asks for a look, sorted; it decides nothing.", _SPECIFIC
)
NOTICE = _col(
    "notice",
    _STRING,
    "What a leaver's end waits for: GRACE (the date alone), FIELD_CHECK, HUMAN_DECISION; null where nobody leaves. In "
    "a hand-over also what a person decided: CONFIRMED (leaves), REVERSED (stays), REINSTATED (was put back).",
)
NOTICE_ON = _col("notice_on", _DATE, "Day on which the unit is told of the change.")
EFFECTIVE_ON = _col("effective_on", _DATE, "First day on which the change can hold.")
HOLD = _col("hold", _BOOL, "A protected leaver: stays until a field check.")
COMPONENTS = _col("components", _STRINGS, "Benefit components that count, sorted.", _SPECIFIC)
ASSIGNMENT_ID = _col("assignment_id", _STRING, "Field check assignment.", _PUBLIC)
PROBABILITY = _col("probability", _DOUBLE, "Probability of being drawn.", _PUBLIC)
OFFICER = _col("officer", _STRING, "Officer who visits.", _IDENTIFYING)

# Objections, field checks and answers
TICKET_ID = _col("ticket_id", _STRING, "Ticket: objection, correction or proposal.", _PUBLIC)
TICKET_KIND = _col("ticket_kind", _STRING, "Kind of the ticket, such as DATA_ERROR or DEATH.", _PUBLIC)
CHANNEL = _col("channel", _STRING, "How the ticket came: desa or portal.", _PUBLIC)
SUBMITTED_AT = _col("submitted_at", _TIME, "When the ticket was handed in, UTC.", _PUBLIC)
STATE_SINCE = _col("state_since", _DATE, "Day since when the ticket is in its state.", _PUBLIC)
DUE = _col("due", _DATE, "Last day of the present step.", _PUBLIC)
OVERDUE = _col("overdue", _BOOL, "The present step is late.", _PUBLIC)
OUTCOME = _col("outcome", _STRING, "OPEN, UPHELD, REJECTED, EXPIRED or WITHDRAWN.", _PUBLIC)
WAITS_FOR = _col("waits_for", _STRING, "Role that has to act next.", _PUBLIC)
EVENTS_APPLIED = _col("events_applied", _INT, "Events that changed the ticket.", _PUBLIC, unit="events")
EVENTS_REFUSED = _col("events_refused", _INT, "Events that were refused.", _PUBLIC, unit="events")
SUBJECT_RECORD_ID = _col(
    "subject_record_id", _STRING, "Registry record that the ticket is about; never the reporter's.", _IDENTIFYING
)
EVENT_KEY = _col("event_key", _STRING, "Native key of a ticket's event.", _PUBLIC)
EVENT_NO = _col("event_no", _INT, "Number of the event in its ticket.", _PUBLIC)
AT = _col("at", _TIME, "When it happened, UTC.", _PUBLIC)
ACTOR_ROLE = _col("actor_role", _STRING, "Role that acted.", _PUBLIC)
ACTION = _col("action", _STRING, "What was done, from the list of actions.", _PUBLIC)
DOCUMENT_SHA256 = _col("document_sha256", _STRING, "SHA-256 of the document of an event.", _PUBLIC)
STATE_BEFORE = _col("state_before", _STRING, "State of the ticket before the event.", _PUBLIC)
STATE_AFTER = _col("state_after", _STRING, "State of the ticket after the event.", _PUBLIC)
DAYS = _col("days", _INT, "Days that the ticket was in the state before.", _PUBLIC, unit="days")
ORIGIN = _col("origin", _STRING, "Where a verified value comes from: TICKET or FIELD_CHECK.", _PUBLIC)
VALUE_TEXT = _col("value_text", _STRING, "Value in our codes, as text.", _SPECIFIC)
EVIDENCE = _col("evidence", _STRINGS, "SHA-256 of what proves it, sorted.", _PUBLIC)
EVIDENCE_TYPES = _col("evidence_types", _STRINGS, "Kinds of evidence that came with the ticket, sorted.", _PUBLIC)
IDENTIFIED_ON = _col("identified_on", _DATE, "Day on which the subject's papers were found in order.", _PUBLIC)
DAYS_OPEN = _col("days_open", _INT, "Days from the first event to the last state, or to the period's end.", unit="days")
CHANGED_FIELDS = _col("changed_fields", _STRINGS, "Fields that a ticket changed, sorted.", _PUBLIC)
SCORE_BEFORE = _col("score_before", _LONG, "Score in the last published release.", _SPECIFIC, unit="1e-6 log IDR")
DECILE_BEFORE = _col("decile_before", _INT, "Desil in the last published release.", _SPECIFIC)
DECISIONS = _col("decisions", _STRINGS, "Each program's decision then and now: <program>: <then> > <now>.")
ANSWERED_RELEASE = _col("answered_release", _STRING, "Release whose hand-over a program answered.", _PUBLIC)
TICKETS = _col("tickets", _LONG, "Tickets; null where a small cell is suppressed.", _PUBLIC, unit="tickets")
MEDIAN_DAYS = _col("median_days", _DOUBLE, "Median of the days from the first event.", _PUBLIC, unit="days")
P90_DAYS = _col("p90_days", _DOUBLE, "Ninth decile of the days from the first event.", _PUBLIC, unit="days")
MEDIAN_STEP_DAYS = _col("median_step_days", _DOUBLE, "Median of the days in the state.", _PUBLIC, unit="days")
P90_STEP_DAYS = _col("p90_step_days", _DOUBLE, "Ninth decile of the days in the state.", _PUBLIC, unit="days")
VERIFIED_ON = _col("verified_on", _DATE, "Day on which the value was found to be true.", _PUBLIC)

# Statistics
PERSONS = _col("persons", _LONG, "Persons; null where a small cell is suppressed.", _PUBLIC, unit="persons")
FAMILIES = _col("families", _LONG, "Families; null where a small cell is suppressed.", _PUBLIC, unit="families")
REGISTRY_PERSONS = _col("registry_persons", _LONG, "Residents after Dukcapil's own table.", _PUBLIC, unit="persons")
COVERAGE = _col("coverage", _DOUBLE, "Persons of the register for each resident of Dukcapil's table.", _PUBLIC)
BENEFIT_TOTAL_IDR_YEAR = _col("benefit_total_idr_year", _LONG, "Benefits of all units.", _PUBLIC, unit="IDR/year")
AGE_GROUP = _col("age_group", _STRING, "Ages from and to, such as 07-12; 60+ is open.", _PUBLIC, unit="years")
TOPIC = _col("topic", _STRING, "What a figure of the release belongs to, such as pmt or link_weight.", _PUBLIC)
RECORDS = _col("records", _LONG, "Records; null where a small cell is suppressed.", _PUBLIC, unit="records")
REGION_LEVEL = _col(
    "region_level", _INT, "Level of the region: 0 nation, 1 province, 2 kab/kota, 3 kecamatan, 4 village.", _PUBLIC
)
REGION_NAME = _col("region_name", _STRING, "Name of the region.", _PUBLIC)
SUPPRESSED = _col("suppressed", _BOOL, "The cell is suppressed.", _PUBLIC)
