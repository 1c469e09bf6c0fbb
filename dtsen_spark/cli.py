"""``dtsen``: the command line (landing contract, section 3)."""

import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from dtsen_spark import (
    bench,
    corrections,
    evaluation,
    explain,
    handover,
    linkage,
    notices,
    pipeline,
    privacy,
    programs,
    quality,
    replay,
    report,
    rights,
    rotation,
    session,
    simulation,
    summary,
    superset,
    synthetic,
    tables,
    verification,
    welfare,
)
from dtsen_spark import config as configuration
from dtsen_spark import dictionary as data_dictionary
from dtsen_spark import lake as lakes
from dtsen_spark.config import Config
from dtsen_spark.errors import DtsenError, ExitCode, LakeError, UsageError
from dtsen_spark.job import Period
from dtsen_spark.lake import Lake
from dtsen_spark.release import (
    CONFIRMED,
    REINSTATED,
    REVERSED,
    Registry,
    decide_leavers,
    diff,
    maintain,
    reinstate,
    serve,
    status,
)
from dtsen_spark.tombstones import Block
from dtsen_spark.wording import LANGUAGES

app = typer.Typer(
    name="dtsen",
    help="DTSEN on Spark: deliveries of the national sources become a release of one socio-economic register.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(bench.app, name="bench")
verify = typer.Typer(help="Field checks: sample, simulated visits, estimated errors.", no_args_is_help=True)
app.add_typer(verify, name="verify")
console = Console(stderr=True, soft_wrap=True, highlight=False)
# A file or pipe gets whole lines: tables must not be cut to the width of a terminal that is not there.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 160)

LakeOption = Annotated[Path, typer.Option("--lake", help="Root of the lake.")]
PeriodOption = Annotated[str, typer.Option("--period", help="Quarter (2026Q1) or month (2026-02).")]
ConfigOption = Annotated[list[Path] | None, typer.Option("--config", help="Further configuration file; later wins.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="One setting, such as --set welfare.unit=family.", metavar="KEY=VALUE")
]
MasterOption = Annotated[
    str | None, typer.Option("--master", envvar="DTSEN_MASTER", help="Spark master, such as spark://127.0.0.1:7077.")
]
NikOption = Annotated[str, typer.Option("--nik", help="- : read the NIK from standard input.")]
LanguageOption = Annotated[str, typer.Option("--lang", help="id or en.")]
PurposeOption = Annotated[str, typer.Option("--purpose", help="What the look is for; kept in ops/access_log.")]
WhoOption = Annotated[str | None, typer.Option("--who", help="Who looks; default: the user of the system.")]
NewKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--new-key-file", help="File of mode 600 with the new key (64 hex digits); default: DTSEN_NEW_ID_KEY."
    ),
]
BlockOption = Annotated[
    Block | None,
    typer.Option(
        "--block",
        case_sensitive=False,
        help="Later deliveries of the person that are set aside; default: all, but of a living resident not the "
        "registry's.",
    ),
]
TruthOption = Annotated[Path | None, typer.Option("--truth", help="Truth of the nation: print accuracy too.")]


def _load(files: list[Path] | None, settings: list[str] | None, master: str | None) -> Config:
    return configuration.load(
        place=configuration.place_of(master), files=files or [], settings=settings or [], master=master
    )


def _open(lake: Path, config: Config, name: str) -> Lake:
    lakes.require_whole(lake)
    return Lake(session.start(config, f"dtsen {name}"), lake)


def _standard_input(option: str | None) -> str:
    """Read the NIK; one on the command line would stand in the shell's history and the process list."""
    if option != "-":
        message = "--nik: write --nik - and give the NIK on standard input"
        raise UsageError(message)
    return privacy.nik_from(sys.stdin)


@app.command()
def generate(
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for landing/ and truth/.")],
    persons: Annotated[int | None, typer.Option("--persons", min=10, help="Living persons of the nation.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed: the same seed gives the same nation.")] = 1,
    profile: Annotated[str, typer.Option("--profile", help="Error rates: clean, documented, harsh.")] = "documented",
    next_month: Annotated[bool, typer.Option("--next", help="Add a month to the nation in --out.")] = False,
    period: Annotated[str | None, typer.Option("--period", help="That month; default: the one that follows.")] = None,
    share: Annotated[float, typer.Option("--share", min=0, max=1, help="Share of families that it touches.")] = 0.01,
    handover_dir: Annotated[
        Path | None,
        typer.Option("--handover", help="--out of 'dtsen handover': answered by its ministries that month."),
    ] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Write a synthetic nation: deliveries in the landing contract, and its truth; or the month after (--next)."""
    settings = _load(config, setting, master)
    if next_month == (persons is not None):
        message = "--persons N makes a nation, --next adds a month to one; give one of them"
        raise UsageError(message)
    if handover_dir is not None and not next_month:
        message = "--handover is answered in a month: use it with --next"
        raise UsageError(message)
    if persons is None:
        wanted = synthetic.month_of(out_dir, period)
        handed = synthetic.handed_over(handover_dir, wanted) if handover_dir else []
        spark = session.start(settings, "dtsen generate")
        made = synthetic.generate_next(spark, out=out_dir, period=wanted, share=share, handed=handed)
        summary.print_nation(out, made, out_dir, wanted)
        return
    synthetic.load_profile(profile)
    spark = session.start(settings, "dtsen generate")
    made = synthetic.generate(spark, settings, persons=persons, seed=seed, out=out_dir, profile=profile)
    summary.print_nation(out, made, out_dir)


@app.command()
def run(
    landing: Annotated[Path, typer.Option("--landing", help="Root of the deliveries.")],
    lake: LakeOption,
    period: PeriodOption,
    first: Annotated[str, typer.Option("--from", help="First stage.", metavar="STAGE")] = pipeline.NAMES[0],
    last: Annotated[str, typer.Option("--to", help="Last stage.", metavar="STAGE")] = pipeline.NAMES[-1],
    publish: Annotated[bool, typer.Option("--publish", help="Publish when the gate lets it through.")] = False,
    revise: Annotated[bool, typer.Option("--revise", help="Open the next revision of a published period.")] = False,
    truth: TruthOption = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Run every stage, from deliveries to an audited release; resumes where an earlier run stopped."""
    settings = _load(config, setting, master)
    if truth is not None:
        evaluation.require_truth(truth)
    request = pipeline.RunRequest(landing, lake, period, first, last, publish, revise)
    outcome = pipeline.run(request, settings, lambda report: summary.print_stage(console, report))
    summary.print_outcome(out, console, outcome, lake)
    if outcome.published and not outcome.unchanged:
        store = Lake(session.start(settings, "dtsen run"), lake)
        accuracy = evaluation.evaluate(store, truth, outcome.release_id) if truth else None
        summary.print_release(out, store, outcome, accuracy)
    raise typer.Exit(outcome.exit_code)


@app.command()
def approve(
    lake: LakeOption,
    period: PeriodOption,
    role: Annotated[str, typer.Option("--role", help="Role that signs.")],
    name: Annotated[str, typer.Option("--name", help="Who signs.")],
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Sign an audited release in a role."""
    settings = _load(config, setting, None)
    Period.parse(period)
    with lakes.hold(lake):
        registry = Registry(_open(lake, settings, "approve"))
        release_id = registry.release_of(period)
        registry.approve(release_id, role, name, settings.release.signoff_roles)
    out.print(f"{release_id}: signed as {role}")


@app.command()
def publish(lake: LakeOption, period: PeriodOption, config: ConfigOption = None, setting: SetOption = None) -> None:
    """Make an audited release the current one."""
    settings = _load(config, setting, None)
    Period.parse(period)
    with lakes.hold(lake):
        store = _open(lake, settings, "publish")
        release_id, changed = pipeline.publish(store, settings, period)
    out.print(f"{release_id}: {'published' if changed else 'was published before; nothing changed'}")


@app.command()
def rollback(
    lake: LakeOption,
    to: Annotated[str, typer.Option("--to", help="Release to go back to, such as 2025Q4.1.")],
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Go back to an earlier published release."""
    settings = _load(config, setting, None)
    with lakes.hold(lake):
        Registry(_open(lake, settings, "rollback")).rollback(to)
    out.print(f"{to} is the current release")


@app.command("replay-quarantine")
def replay_quarantine(
    lake: LakeOption, config: ConfigOption = None, setting: SetOption = None, master: MasterOption = None
) -> None:
    """Offer quarantined rows to today's rules; those that pass re-enter with the next run."""
    settings = _load(config, setting, master)
    lakes.require(lake)
    summary.print_quarantine(out, pipeline.replay_quarantine(lake, settings))


@app.command()
def train(
    what: Annotated[str, typer.Argument(help="linkage or pmt.")],
    lake: LakeOption,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Fit a model on the newest build and register it."""
    trainers = {"linkage": linkage.train, "pmt": welfare.train}
    if what not in trainers:
        message = f"train {what}: choose {' or '.join(trainers)}"
        raise UsageError(message)
    settings = _load(config, setting, master)
    with lakes.hold(lake):
        store = _open(lake, settings, "train")
        version = trainers[what](pipeline.job_of_build(store, settings))
    out.print(f"{what} model {version} is registered")


@app.command()
def dictionary(
    table: Annotated[str | None, typer.Option("--table", help="One table, such as master/person.")] = None,
) -> None:
    """Print every table, column, unit, code list and indicator name."""
    data_dictionary.print_dictionary(out, table)


@app.command("status")
def show_status(lake: LakeOption, config: ConfigOption = None, setting: SetOption = None) -> None:
    """Print releases, their state, row accounts and gates."""
    settings = _load(config, setting, None)
    store = _open(lake, settings, "status")
    summary.print_status(out, status(store))
    newest = list(Registry(store).releases())[-1:]
    if newest and (gate := quality.last_gate(store, newest[0])) is not None:
        summary.print_gate(out, gate)


@app.command()
def evaluate(
    lake: LakeOption,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Folder with the nation's truth, if there is one.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for all figures; a page to read is written beside it.")
    ] = None,
    release: Annotated[str | None, typer.Option("--release", help="Release; default: the published one.")] = None,
    hide_nik: Annotated[
        str | None,
        typer.Option("--hide-nik", help="Source whose NIKs are hidden for a second linkage; needs no truth."),
    ] = None,
    oracle: Annotated[bool, typer.Option("--oracle", help="Also fit a model on the whole truth, and compare.")] = False,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Measure linkage, families, PMT and targeting against truth, and the linkage with hidden NIKs."""
    settings = _load(config, setting, master)
    if truth is not None:
        evaluation.require_truth(truth)
    elif hide_nik is None:
        message = "evaluate: name the truth (--truth DIR), or a source for the test without truth (--hide-nik dtks)"
        raise UsageError(message)
    if oracle and truth is None:
        message = "--oracle: a model of the whole truth needs it (--truth DIR)"
        raise UsageError(message)
    if hide_nik is not None and hide_nik not in tables.LINKED_SOURCES:
        message = f"--hide-nik {hide_nik}: choose {', '.join(tables.LINKED_SOURCES)}"
        raise UsageError(message)
    figures = evaluation.evaluate(
        _open(lake, settings, "evaluate"), truth, release, config=settings, hide_nik_of=hide_nik, with_oracle=oracle
    )
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        json_file.with_suffix(".html").write_text(evaluation.page(figures), encoding="utf-8")
    summary.print_accuracy(out, figures)


@verify.command("sample")
def verify_sample(
    lake: LakeOption,
    budget: Annotated[int, typer.Option("--budget", min=1, help="Visits.")],
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder for one CSV a village.")] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Draw families of the published release with known probabilities, as assignments."""
    settings = _load(config, setting, None)
    with lakes.hold(lake):
        store = _open(lake, settings, "verify")
        release_id = Registry(store).require_current("draw families from")
        period = Period.of_release(release_id).text
        drawn = verification.sample(store, release_id, period, settings.programs.enabled, budget)
    files = verification.write_assignments(store, period, out_dir) if out_dir else 0
    out.print(f"{release_id}: {drawn:,} families drawn" + (f", {files:,} files in {out_dir}" if out_dir else ""))


@verify.command("simulate")
def verify_simulate(
    lake: LakeOption,
    truth: Annotated[Path, typer.Option("--truth", help="Folder with the nation's truth.")],
    landing: Annotated[Path, typer.Option("--landing", help="Landing zone that gets the results.")],
    as_of: Annotated[str, typer.Option("--as-of", help="Day of the delivery, YYYY-MM-DD.")],
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Play the visits of the newest assignments from truth, as a delivery of verifikasi/hasil."""
    settings = _load(config, setting, None)
    evaluation.require_truth(truth)
    visits = verification.simulate(_open(lake, settings, "verify"), truth, landing, as_of)
    out.print(f"{visits:,} visits delivered")


@verify.command("estimate")
def verify_estimate(lake: LakeOption, config: ConfigOption = None, setting: SetOption = None) -> None:
    """Print inclusion and exclusion errors with 95 % intervals, from the visits that came back."""
    settings = _load(config, setting, None)
    store = _open(lake, settings, "verify")
    found = verification.estimate(store, pipeline.newest_build(store), settings.programs.enabled)
    summary.print_status(out, {"Errors, by visits": [verification.as_row(one) for one in found]})


@app.command("ticket")
def show_ticket(
    lake: LakeOption,
    ticket_id: Annotated[str, typer.Option("--id", help="Number of the ticket.")],
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Print what became of a ticket: its steps, its deadline, the fields that it changed."""
    settings = _load(config, setting, None)
    summary.print_status(out, corrections.track(_open(lake, settings, "ticket"), ticket_id))


@app.command("diff")
def show_diff(
    lake: LakeOption,
    program: Annotated[str, typer.Option("--program", help="Program, such as pkh.")],
    since: Annotated[str, typer.Option("--from", help="Earlier period.")],
    until: Annotated[str, typer.Option("--to", help="Later period.")],
    file: Annotated[Path | None, typer.Option("--out", help="Notice list, FILE.csv or FILE.json (lines).")] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Print who enters and leaves a program between two periods, by cause; write what each is told."""
    settings = _load(config, setting, None)
    if file is not None and file.suffix not in {".csv", ".json"}:
        message = f"--out {file}: the name must end in .csv or .json"
        raise UsageError(message)
    store = _open(lake, settings, "diff")
    summary.print_diff(out, diff(store, program, since, until))
    if file is not None:
        notices.write_notices(store, program, since, until, file)


@app.command("decide")
def decide_on_leavers(
    lake: LakeOption,
    period: PeriodOption,
    program: Annotated[str, typer.Option("--program", help="Program, such as pkh.")],
    role: Annotated[str, typer.Option("--role", help="Role of who decides.")],
    name: Annotated[str, typer.Option("--name", help="Who decides.")],
    stay: Annotated[bool, typer.Option("--stay", help="They stay; without it they leave.")] = False,
    back: Annotated[
        bool, typer.Option("--reinstate", help="Put back who was dropped and shows the papers of the program's terms.")
    ] = False,
    units: Annotated[Path | None, typer.Option("--units", help="File of unit ids, one a line; default: all.")] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Record a person's decision on leavers: those that wait for one, or those who are put back."""
    settings = _load(config, setting, None)
    at = Period.parse(period)
    terms = programs.program_at(program, at).rules.reinstate if back else None
    if back and (stay or units is None or terms is None):
        message = f"--reinstate: needs --units, goes without --stay, and {program} must have terms (reinstate) for it"
        raise UsageError(message)
    state = REINSTATED if back else REVERSED if stay else CONFIRMED
    with lakes.hold(lake):
        registry = Registry(_open(lake, settings, "decide"))
        if terms is not None and units is not None:
            decided = reinstate(registry, program, period, despite=terms.despite, role=role, name=name, units=units)
        else:
            decided = decide_leavers(registry, program, period, state=state, role=role, name=name, units=units)
    out.print(f"{program} {period}: {decided:,} leavers {state}")


@app.command("handover")
def hand_over(
    lake: LakeOption,
    program: Annotated[str, typer.Option("--program", help="Program, such as pkh.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for the files.")],
    form: Annotated[str, typer.Option("--format", help="csv, parquet or dci.")] = "csv",
    period: Annotated[str | None, typer.Option("--period", help="Period; default: the published one.")] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Write a program's list for its ministry: files by region, manifest, data dictionary."""
    settings = _load(config, setting, master)
    with lakes.hold(lake):
        made = handover.hand_over(_open(lake, settings, "handover"), program, folder, form=form, period=period)
    out.print(f"{made.folder}: {made.files:,} files, {made.rows:,} units", markup=False)


@app.command("simulate")
def simulate_rules(
    lake: LakeOption,
    period: PeriodOption,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="YAML: by program, the changed fields of its rules.")
    ] = None,
    deciles: Annotated[
        Path | None,
        typer.Option("--welfare", help="YAML: another unit, model, cuts_idr_month, child_weight or elasticity."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--out", help="File for programs by kab/kota, FILE.csv; the deciles go to FILE-deciles.csv."),
    ] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Say what other rules or deciles would do: who wins and loses, rupiah, by region; only the report is written."""
    if rules is None and deciles is None:
        message = "simulate: say what is different: --rules FILE, --welfare FILE or both"
        raise UsageError(message)
    settings = _load(config, setting, master)
    changed = programs.changed_rules(rules, Period.parse(period)) if rules else ()
    scenario = welfare.read_scenario(deciles) if deciles else None
    with lakes.hold(lake):
        found = simulation.simulate(_open(lake, settings, "simulate"), settings, period, changed, scenario)
    summary.print_simulation(out, found)
    if json_file is not None:
        json_file.write_text(simulation.as_json(found), encoding="utf-8")
    if file is not None:
        for path, lines in ((file, found.effects), (file.with_stem(f"{file.stem}-deciles"), found.shifts)):
            if lines:
                path.write_text(simulation.as_csv(lines), encoding="utf-8")


@app.command("replay")
def replay_release(
    lake: LakeOption,
    period: PeriodOption,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Make a past release again from the kept deliveries and compare the content hashes."""
    settings = _load(config, setting, master)
    Period.parse(period)
    with lakes.hold(lake):
        store = _open(lake, settings, "replay")
        found = replay.replay(store, settings, period, lambda stage: console.print(f"{stage} again"))
    summary.print_replay(out, found)
    if not found.accounted:
        message = f"{found.release_id}: made again, it is another"
        raise LakeError(message)


@app.command("maintain")
def maintain_lake(
    lake: LakeOption, config: ConfigOption = None, setting: SetOption = None, master: MasterOption = None
) -> None:
    """Compact tables, delete what no retained release needs and what its class's retention is over for."""
    settings = _load(config, setting, master)
    with lakes.hold(lake):
        registry = Registry(_open(lake, settings, "maintain"))
        done = maintain(registry, settings.release, settings.retention)
    summary.print_maintained(out, done)


@app.command("report")
def write_report(
    lake: LakeOption,
    period: PeriodOption,
    out_file: Annotated[Path, typer.Option("--out", help="HTML file.")],
    language: LanguageOption = LANGUAGES[0],
) -> None:
    """Write the release report: one HTML file that opens without a network."""
    Period.parse(period)
    out.print(f"report: {report.write(lake, period, out_file, language)}", markup=False)


@app.command("superset")
def write_superset(
    out_file: Annotated[Path, typer.Option("--out", help="ZIP file.")],
    url: Annotated[str, typer.Option("--url", help="Address of the server, as SQLAlchemy writes it.")] = (
        "hive://bi@127.0.0.1:10000/dtsen"
    ),
    language: LanguageOption = LANGUAGES[0],
) -> None:
    """Write what Superset imports: database, datasets, charts and a dashboard over the served views."""
    out.print(f"superset: {superset.write(out_file, url, language)}", markup=False)


@app.command("explain")
def explain_one(
    lake: LakeOption,
    nik: Annotated[str | None, typer.Option("--nik", help="- : read the NIK from standard input.")] = None,
    family: Annotated[str | None, typer.Option("--family", help="Id of a family.")] = None,
    form: Annotated[str, typer.Option("--format", help="text, json or html.")] = explain.FORMATS[0],
    language: LanguageOption = LANGUAGES[0],
    reader: Annotated[str, typer.Option("--for", help="citizen or auditor.")] = explain.CITIZEN,
    purpose: PurposeOption = "subject request",
    who: WhoOption = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Explain a person or family: what is recorded, from where, which desil, why; the look is logged."""
    if (nik is None) == (family is None):
        message = "name one of --nik - (the NIK on standard input) and --family ID"
        raise UsageError(message)
    settings = _load(config, setting, master)
    explain.render(None, reader, form, language)  # wrong options stop before anybody is looked at
    look = explain.Look(reader, purpose, who)
    if family is not None:
        found = explain.of_family(_open(lake, settings, "explain"), settings, family, look)
    else:
        number = _standard_input(nik)
        found = explain.of_person(_open(lake, settings, "explain"), settings, number, look)
    out.print(explain.render(found, reader, form, language), markup=False)


@app.command("erase")
def erase_one(
    lake: LakeOption,
    nik: NikOption,
    purpose: PurposeOption = "erasure request",
    who: WhoOption = None,
    block: BlockOption = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Erase a person's identifying data from every layer, prove it by a scan, keep a tombstone."""
    settings = _load(config, setting, master)
    number = _standard_input(nik)
    with lakes.hold(lake):
        done = rights.erase(_open(lake, settings, "erase"), settings, number, purpose=purpose, actor=who, block=block)
    for trace in done.removed:
        out.print(f"{trace.path}: {trace.own} rows erased, {trace.mentions} mentions emptied", markup=False)
    out.print(f"tombstone {done.subject}; hash of what left {done.content_hash}", markup=False)
    out.print(f"later deliveries that are set aside: {done.blocks}")
    out.print(f"{done.files_scanned:,} files searched: no trace")


@app.command("access-report")
def report_access(
    lake: LakeOption,
    nik: NikOption,
    purpose: PurposeOption = "access request",
    who: WhoOption = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Print, for a person, everything that is held, in which tables, and who looked, as JSON."""
    settings = _load(config, setting, master)
    number = _standard_input(nik)
    held = rights.access_report(_open(lake, settings, "access-report"), settings, number, purpose=purpose, actor=who)
    out.print(json.dumps(held, indent=2, sort_keys=True, default=str, ensure_ascii=False), markup=False)


@app.command("rotate-key")
def rotate_key(
    lake: LakeOption,
    new_key_file: NewKeyOption = None,
    who: WhoOption = None,
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """Change the key of all opaque ids, and keep a crosswalk from the old ids to the new ones."""
    settings = _load(config, setting, master)
    key = privacy.new_id_key(new_key_file)
    with lakes.hold(lake):
        store = _open(lake, settings, "rotate-key")
        done = rotation.rotate(store, settings, key, Registry(store).published_ever(), who)
    said = "had been changed before" if done.again else "is changed"
    out.print(f"the id key {said}: number {done.number}, {done.ids:,} ids in {tables.ID_CROSSWALK.path}")
    if done.in_lake:
        out.print("the lake's own key was replaced; keep a copy of the new one, the old one stays beside it")
    else:
        out.print(f"give the new key from now on, as {privacy.ID_KEY_VARIABLE} or in privacy.key_file")


@app.command("breach")
def list_breach(
    lake: LakeOption,
    table: Annotated[str, typer.Option("--table", help="Table that leaked, such as master/person.")],
    since: Annotated[datetime, typer.Option("--from", help="Begin of the window, UTC.")],
    until: Annotated[datetime, typer.Option("--to", help="End of the window, UTC.")],
    out_dir: Annotated[Path, typer.Option("--out", help="New folder for the list of persons; only you may read it.")],
    config: ConfigOption = None,
    setting: SetOption = None,
    master: MasterOption = None,
) -> None:
    """List who was affected where a table leaked in a window of time."""
    settings = _load(config, setting, master)
    window = (since.replace(tzinfo=UTC), until.replace(tzinfo=UTC))
    found = rights.affected(_open(lake, settings, "breach"), table, *window, out_dir)
    out.print(
        f"{found.table}: {found.persons:,} persons in {len(found.versions)} versions; list: {found.folder}",
        markup=False,
    )
    for privacy_class, names in sorted(found.exposed.items()):
        out.print(f"  {privacy_class}: {', '.join(names)}", markup=False)


@app.command("serve")
def serve_sql(
    lake: LakeOption,
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 10000,
    role: Annotated[str | None, typer.Option("--role", help="Role whose tables are served.")] = None,
    connect_port: Annotated[
        int | None, typer.Option("--connect-port", min=1, max=65535, help="Port for Spark Connect beside it.")
    ] = None,
    config: ConfigOption = None,
    setting: SetOption = None,
) -> None:
    """Serve the published tables over SQL (Thrift: JDBC, ODBC, BI tools) until it is stopped."""
    serve(_load(config, setting, None), lake, port, role, connect_port)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; None = those of the process.

    Returns:
        The exit code (``errors.ExitCode``).
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[os.environ.get("DTSEN_LOG", "WARNING").upper()]
        ),
        # Looked up at each line: whoever calls this function twice may have put another standard error in place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    # PySpark would log the text of a failed query, and with it whatever values stand in it.
    for kind in ("SQL", "DataFrame"):
        logging.getLogger(f"{kind}QueryContextLogger").disabled = True
    try:
        app(args=list(argv) if argv is not None else None)
    except SystemExit as end:
        return int(end.code or ExitCode.OK)
    except DtsenError as error:
        console.print(f"dtsen: {error}", markup=False)
        return error.exit_code
    except Exception as error:  # the last wall: what is printed must hold no person's value
        return summary.print_unexpected(console, error)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
