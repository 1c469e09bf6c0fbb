"""Bad arguments, configuration and folders: one clear message, the right exit code, and Spark never starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from dtsen_spark import cli, session, tables
from dtsen_spark import lake as lakes
from dtsen_spark.errors import ExitCode


@pytest.fixture(autouse=True)
def _no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("Spark was started")

    monkeypatch.setattr(session, "start", refuse)
    monkeypatch.setenv("COLUMNS", "200")


def _pending(landing: Path, *without: str) -> Path:
    """Make folders of every required table; those not in ``without`` hold a batch of no rows."""
    for path, table in tables.LANDING.items():
        if table.required:
            batch = landing / path / "b1"
            batch.mkdir(parents=True)
            if path not in without:
                manifest = (
                    f'{{"source": "{table.source}", "table": "{table.table}", "batch_id": "b1", "as_of": "2026-01-05", '
                    '"mode": "full", "schema_version": 1, "files": []}'
                )
                (batch / "_manifest.json").write_text(manifest)
    return landing


def _run(landing: Path, lake: Path, *more: str) -> int:
    return cli.main(["run", "--landing", str(landing), "--lake", str(lake), "--period", "2026Q1", *more])


def test_no_landing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(tmp_path / "absent", tmp_path / "lake") == 2
    assert "absent" in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()


def test_an_empty_landing_folder_names_every_missing_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "landing").mkdir()
    assert _run(tmp_path / "landing", tmp_path / "lake") == 2
    message = capsys.readouterr().err
    assert [path for path, table in tables.LANDING.items() if table.required and path not in message] == []


def test_a_required_table_that_is_only_pending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    landing = _pending(tmp_path / "landing", "dtks/anggota")
    assert _run(landing, tmp_path / "lake") == 2
    message = capsys.readouterr().err
    assert "dtks/anggota" in message
    assert "regsosek/anggota" not in message


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--set", "welfare.unti=person"], "welfare.unti"),
        (["--set", "welfare.unit=household"], "welfare.unit"),
        (["--config", "absent.yaml"], "absent.yaml"),
        (["--from", "bake"], "bake"),
        (["--from", "welfare", "--to", "ingest"], "--from welfare"),
        (["--truth", "absent"], "absent"),
        (["--set", "programs.enabled=[no_such_program]"], "no_such_program"),
    ],
)
def test_wrong_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str) -> None:
    landing = _pending(tmp_path / "landing")
    assert _run(landing, tmp_path / "lake", *arguments) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("period", ["2026", "2026Q7", "soon"])
def test_a_wrong_period(tmp_path: Path, capsys: pytest.CaptureFixture[str], period: str) -> None:
    arguments = ["run", "--landing", str(tmp_path), "--lake", str(tmp_path / "lake"), "--period", period]
    assert cli.main(arguments) == 2
    assert "--period" in capsys.readouterr().err


def test_missing_options_and_unknown_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run"]) == 2
    assert cli.main(["bake"]) == 2
    assert "bake" in capsys.readouterr().err


def test_a_hand_over_that_no_month_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", "--persons", "100", "--out", str(tmp_path), "--handover", str(tmp_path)]) == 2
    assert "use it with --next" in capsys.readouterr().err


def test_a_lake_that_another_run_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    landing = _pending(tmp_path / "landing")
    with lakes.hold(tmp_path / "lake"):
        assert _run(landing, tmp_path / "lake") == 5
    assert "another run" in capsys.readouterr().err


def test_a_lake_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    landing = _pending(tmp_path / "landing")
    (tmp_path / "file").write_text("not a folder")
    assert _run(landing, tmp_path / "file" / "lake") == 1
    assert "cannot be written" in capsys.readouterr().err


def test_commands_on_a_lake_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--lake", str(tmp_path / "absent")]) == 2
    assert cli.main(["replay-quarantine", "--lake", str(tmp_path / "absent")]) == 2
    assert cli.main(["evaluate", "--lake", str(tmp_path), "--truth", str(tmp_path / "absent")]) == 2
    assert cli.main(["train", "horoscope", "--lake", str(tmp_path)]) == 2
    assert "absent" in capsys.readouterr().err


def test_help_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        "generate",
        "run",
        "approve",
        "publish",
        "rollback",
        "replay-quarantine",
        "train",
        "status",
        "evaluate",
        "diff",
        "serve",
    ):
        assert cli.main([command, "--help"]) == 0
    assert "--landing" in capsys.readouterr().out


def test_the_module_is_the_command_too(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "dtsen_spark.cli", "status", "--lake", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == ExitCode.USAGE
    assert "no lake here" in said.stderr
