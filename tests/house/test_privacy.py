"""Opaque ids are HMAC-SHA-256 under a key that is kept from others and out of plans."""

import hashlib
import hmac
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark import privacy
from dtsen_spark.errors import ConfigError

KEY = bytes(range(32))


def test_ids_are_hmac_sha256(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("person:a",), ("person:b",)], "message string")
    keyed = privacy.with_opaque_id(frame, KEY, F.col("message"), "id", "P")

    found = {row["message"]: row["id"] for row in keyed.collect()}

    want = {m: "P" + hmac.new(KEY, m.encode(), hashlib.sha256).hexdigest()[:24].upper() for m in found}
    assert found == want
    assert keyed.columns == ["message", "id"]


def test_the_key_is_in_no_plan(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("person:a",)], "message string")
    plan = privacy.with_opaque_id(frame, b"K" * 32, F.col("message"), "id", "P")._jdf.queryExecution().toString()

    assert "KKKK" not in plan
    inner = bytes(0x36 ^ byte for byte in b"K" * 32)
    assert inner.hex() not in plan.lower()
    assert inner.decode() not in plan


def test_a_key_is_made_once_with_mode_600(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(privacy.ID_KEY_VARIABLE, raising=False)

    first = privacy.id_key(tmp_path)

    assert privacy.id_key(tmp_path) == first
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / ".keys").iterdir()] == [0o600]


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(privacy.ID_KEY_VARIABLE, "ab" * 32)
    assert privacy.id_key(tmp_path) == bytes.fromhex("ab" * 32)


@pytest.mark.parametrize("text", ["", "5f5f", "zz" * 32, "5f" * 33])
def test_a_wrong_key_is_refused_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(privacy.ID_KEY_VARIABLE, text)
    with pytest.raises(ConfigError, match="64 hex digits") as caught:
        privacy.id_key(tmp_path)
    assert not text or text not in str(caught.value)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(privacy.ID_KEY_VARIABLE, raising=False)
    key = tmp_path / "id.key"
    key.write_text("ab" * 32)
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        privacy.id_key(tmp_path, str(key))
