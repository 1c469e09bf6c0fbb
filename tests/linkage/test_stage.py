"""One frame with every case of a wrong or missing NIK: who is linked, and who is not."""

from dtsen_spark import columns as c
from dtsen_spark import tables

from .conftest import Link, crowd, nik, record

HEAD, WIFE, CHILD = nik(7, "1975-04-09"), nik(8, "1978-11-23", "P"), nik(9, "2005-08-14")
UNIT = {c.FAMILY_RECORD_ID: "dtks/rumah_tangga:x", c.REGION_CODE: "3201012001"}
KK = {c.NO_KK: "3201010101990001", c.REGION_CODE: "3201012001"}


def test_each_case(link: Link) -> None:
    rows = [
        *crowd(600),
        # One head's NIK for all members: only the head has it.
        record(f"dukcapil:{HEAD}", "RUDI HERMANSYAH", "1975-04-09", **KK),
        record(f"dukcapil:{WIFE}", "NURUL AZIZAH", "1978-11-23", **{**KK, c.SEX: "P"}),
        record(f"dukcapil:{CHILD}", "FAJAR HERMANSYAH", "2005-08-14", **KK),
        record("dtks:head", "RUDI HERMANSYAH", "1975-04-09", **{**UNIT, c.NIK: HEAD}),
        record("dtks:wife", "NURUL AZIZAH", "1978-11-23", **{**UNIT, c.NIK: HEAD, c.SEX: "P"}),
        record("dtks:child", "FAJAR HERMANSYAH", "2005-08-14", **{**UNIT, c.NIK: HEAD}),
        # No NIK, name written otherwise.
        record("p3ke:wife", "NURUL ASIZAH", "1978-11-23", **{c.SEX: "P", c.REGION_CODE: "3201012001"}),
    ]
    linked = link(rows)
    assert linked.reason("dtks:head") == "NIK_NAME_BIRTH"
    assert linked.together("dtks:wife", "p3ke:wife", f"dukcapil:{WIFE}")
    assert linked.together("dtks:child", f"dukcapil:{CHILD}")
    assert linked.rows["dtks:wife"][c.NIK_GRADE] == "V2"
    assert linked.rows["dtks:wife"][c.NIK_CLAIMED] == HEAD
    assert linked.job.read(tables.EDGE).count() >= 3
