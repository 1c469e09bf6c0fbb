"""Names in one spelling; every case in one frame."""

import pytest

from dtsen_spark import columns as c
from dtsen_spark.harmonise.names import rules, with_names

SAME = [
    ("MUHAMMAD YUSUF", "Moch. Jusup", "M. YUSUP", "H. MOHAMAD  YUSOF", "MUHAMMAD YUSUF, S.Pd"),
    ("SITI AMINAH", "ST. AMINAH", "HJ. SITTI AMINAH, S.Pd., M.Si", "Siti Aminah binti Karto", "(ALMH) SITI AMINAH"),
    ("SOEHARTO", "SUHARTO", "DRS. SUHARTO", "SUHARTTO"),
    ("TJAHJONO DJATI", "CAHJONO JATI"),
    ("ABDURRAHMAN", "ABD. RACHMAN", "ABDUL RAHMAN"),
    ("MA'RUF", "MARUF"),
    ("NURHAYATI S.E", "NURHAYATI, SE"),
    ("I WAYAN SUDANA", "WAYAN SUDANA"),
    ("NUR AINI", "NOOR AINI", "NOER AINI", "NUUR AINI"),
]
DIFFERENT = [("SRI WAHYUNI", "SITI WAHYUNI"), ("SITI M", "SITI MUHAMMAD"), ("BUDI SANTOSO", "SANTOSO BUDI")]
EXACT = {
    "H": ("H", 1),
    "KETUT": ("KETUT", 1),
    "BIN YAMIN": ("BIN YAMIN", 2),
    "NA70": ("NA70", 1),
    "…": (None, None),
    "": (None, None),
}
# Names of the order of birth are passed over: the key is that of the name which tells.
PHONETIC = [
    ("KETUT SUDANA", "NYOMAN SUDANA"),
    ("FITRI", "PITRI"),
    ("ZAINAL", "JAENAL"),
    ("KHAIRIYAH", "HAIRIYAH"),
    ("MUHAMMAD VICTOR", "M. FIKTOR"),
]


@pytest.fixture(scope="module")
def normalised(spark):
    given = sorted({n for g in (*SAME, *DIFFERENT, *PHONETIC) for n in g} | set(EXACT))
    frame = spark.createDataFrame([(name, name) for name in given], f"{c.NAME} string, mother string")
    return {row[c.NAME]: row for row in with_names(frame, c.NAME, "mother").collect()}


@pytest.mark.parametrize("group", SAME, ids=lambda group: group[0])
def test_one_name_in_many_spellings(normalised, group):
    assert len({normalised[name][c.NAME_NORM] for name in group}) == 1
    assert len({normalised[name][c.MOTHER_NAME_NORM] for name in group}) == 1


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_names_that_stay_apart(normalised, left, right):
    assert normalised[left][c.NAME_NORM] != normalised[right][c.NAME_NORM]


@pytest.mark.parametrize("name", EXACT)
def test_what_is_left_of_odd_names(normalised, name):
    row = normalised[name]
    assert (row[c.NAME_NORM], row[c.TOKEN_COUNT]) == EXACT[name]


def test_order_and_repetition_do_not_matter_to_sorted_tokens(normalised):
    left, right = normalised["BUDI SANTOSO"], normalised["SANTOSO BUDI"]
    assert left[c.NAME_SORTED] == right[c.NAME_SORTED] == "BUDI SANTOSO"
    assert left[c.NAME_TOKENS] == right[c.NAME_TOKENS] == ["BUDI", "SANTOSO"]


@pytest.mark.parametrize(("left", "right"), PHONETIC)
def test_names_that_sound_alike(normalised, left, right):
    assert normalised[left][c.NAME_PHONETIC] == normalised[right][c.NAME_PHONETIC]


def test_no_rule_feeds_another_spelling_of_itself():
    known = rules()
    assert not {
        becomes for becomes in known.tokens.values() if becomes in known.tokens and known.tokens[becomes] != becomes
    }
