"""Typed, frozen, layered configuration; one door.

Layers, later ones win: ``conf/base.yaml``, the place (``local``, ``standalone``, ``cluster``), ``--config FILE``,
``--set section.key=value``. A key that no section knows stops the command before Spark starts.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dtsen_spark.errors import ConfigError

Place = Literal["local", "standalone", "cluster"]
_Model = TypeVar("_Model", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SparkConfig(_Section):
    """How the Spark session is built."""

    master: str = Field(description="Spark master; empty = what spark-submit says.")
    driver_memory: str = Field(pattern=r"^\d+[gm]$", description="Heap of the driver (local: of everything).")
    executor_memory: str = Field(pattern=r"^\d+[gm]$", description="Heap of an executor on a cluster.")
    shuffle_partitions: int = Field(ge=1, description="Partitions of a shuffle before AQE merges small ones.")
    ui: bool = Field(description="Serve the Spark UI.")
    event_log_dir: str = Field(description="Folder of the Spark event log; empty = none.")
    options: dict[str, str] = Field(description="Further Spark properties.")


class PrivacyConfig(_Section):
    """Keys and disclosure."""

    key_file: str = Field(description="File of mode 600 with 64 hex digits; empty = <lake>/.keys/id.key.")
    tombstone_key_file: str = Field(description="The same for erased persons; empty = <lake>/.keys/tombstone.key.")
    small_cell: int = Field(ge=2, description="Counts below this are suppressed in stats.")


class GenerateConfig(_Section):
    """The synthetic nation."""

    rows_per_file: int = Field(ge=1, description="Most records in one landing file.")
    file_format: Literal["csv", "csv.gz", "parquet"] = Field(description="Format of the landing files.")
    quarter: str = Field(description="Period whose deliveries are generated.")


class IngestConfig(_Section):
    """Landing to bronze."""

    max_file_bytes: int = Field(ge=1, description="A larger file refuses its batch: an unsplittable file is one task.")
    max_record_chars: int = Field(ge=1, description="A record with a longer field goes to quarantine.")
    max_columns: int = Field(ge=1, description="A file with more columns refuses its batch.")


class HarmoniseConfig(_Section):
    """Bronze to silver."""

    earliest_birth: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Earliest plausible birth date.")
    heaped_days: tuple[str, ...] = Field(description="Month and day (MM-DD) that offices put in for an unknown date.")
    number_dummies: tuple[str, ...] = Field(description="Regular expressions of NIK and KK numbers that nobody has.")


class LinkageConfig(_Section):
    """How person records become persons."""

    model: str = Field(description="Registered linkage model to use: a version, or 'latest'.")
    match_weight: float = Field(description="Least match weight of a link to a registry row, bits.")
    peer_weight: float = Field(description="Least match weight of a link between records outside the registry, bits.")
    household_weight: float = Field(
        description="Least match weight of a link inside the household that housemates were linked to, bits."
    )
    margin: float = Field(ge=0, description="Least lead over the second-best anchor, bits.")
    review_weight: float = Field(description="Pairs from this weight up to match_weight go to the review queue, bits.")
    max_block_pairs: int = Field(ge=1, description="Largest block, as pairs; larger keys are refined or dropped.")
    max_cluster_records: int = Field(ge=2, description="A larger cluster without anchor goes to the review queue.")
    max_source_records: int = Field(
        ge=1, description="Most records of one source that scores may bring to one person; more go to the review queue."
    )
    dummy_persons: int = Field(
        ge=2,
        description=(
            "A NIK that so many persons state is a dummy: graded V0 where the registry lacks it; by one of the "
            "registry's only name and full birth date link."
        ),
    )
    max_namesakes: int = Field(
        ge=2,
        description=(
            "Most records outside the registry of one name and birth date that are linked to one another; where there "
            "are more, the two say nothing."
        ),
    )


class FamilyConfig(_Section):
    """Persons to families."""

    precedence: tuple[str, ...] = Field(description="Sources by trust for person attributes, best first.")
    indicator_precedence: tuple[str, ...] = Field(
        description="Sources by trust for what a visit sees of a person (schooling, work, health), best first."
    )
    housing_precedence: tuple[str, ...] = Field(description="Sources by trust for family indicators, best first.")


class WelfareConfig(_Section):
    """Score and decile."""

    model: str = Field(description="Registered PMT model to use: a version, or 'latest'.")
    unit: Literal["person", "family"] = Field(description="Unit that the ten deciles hold a tenth of each.")
    shrinkage_households: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        description="Survey households at which a stratum weighs as much as its parent; auto = as the survey says."
    )
    folds: int = Field(ge=2, description="Folds of the cross-validation.")
    coefficients: str = Field(
        description="Coefficient table made elsewhere: a CSV file under conf/models, or a whole path; empty = our own."
    )
    poverty_lists: tuple[Literal["regsosek", "dtks", "p3ke"], ...] = Field(
        description="Sources that hold only who was thought poor; what they say counts where inputs are unknown."
    )
    poverty_lists_follow: Literal["consumption", "inputs"] = Field(
        description="What put a family on those lists: how it lives, as people saw it, or a score of the same inputs."
    )
    interval: float = Field(gt=0, lt=1, description="Probability that intervals of scores and predictions hold.")
    fresh_days: int = Field(ge=0, description="An input up to this age counts in full, days.")
    stale_days: int = Field(ge=1, description="An input from this age on counts as missing, days; linear in between.")

    @property
    def shrinkage(self) -> int | None:
        """``shrinkage_households``; None where the survey tells it."""
        return None if self.shrinkage_households == "auto" else self.shrinkage_households

    @model_validator(mode="after")
    def _ages_in_order(self) -> "WelfareConfig":
        if self.stale_days <= self.fresh_days:
            message = f"stale_days ({self.stale_days}) must be above fresh_days ({self.fresh_days})"
            raise ValueError(message)
        return self


class ProgramsConfig(_Section):
    """Programs."""

    enabled: tuple[str, ...] = Field(description="Programs to decide, by file name under conf/programs.")
    national_persons: int = Field(ge=1, description="Persons that national quotas in persons refer to.")
    national_families: int = Field(ge=1, description="Families that national quotas in families refer to.")


class QualityConfig(_Section):
    """The gate."""

    suite: str = Field(description="Suite under conf/quality.")


class ReleaseConfig(_Section):
    """Sign-off and publishing."""

    signoff_roles: tuple[str, ...] = Field(description="Roles that must sign before publish; empty = none.")
    keep_releases: int = Field(ge=1, description="Newest published releases that 'dtsen maintain' keeps readable.")
    keep_hours: int = Field(ge=0, description="Least age of a file that 'dtsen maintain' deletes, hours.")


class RetentionConfig(_Section):
    """How long data of a class is kept (UU 27/2022 art. 42-45), days; null = for ever.

    A published table is of the strictest class of its columns, and public where it tells of no person. Releases that
    ``release.keep_releases`` retains are kept whatever is said here.
    """

    deliveries: int | None = Field(
        ge=0, description="Superseded deliveries, and what is not published, before the end of the oldest kept period."
    )
    identifying: int | None = Field(ge=0, description="Names, numbers, addresses, record ids.")
    specific: int | None = Field(ge=0, description="Health, disability, children, finance: scores and benefits.")
    ordinary: int | None = Field(ge=0, description="Other facts behind an opaque id.")
    public: int | None = Field(ge=0, description="What tells of no person: statistics.")


class RoleConfig(_Section):
    """What a role of the SQL server may see."""

    tables: tuple[str, ...] = Field(description="Published tables, as patterns such as stats/*.")
    classes: tuple[Literal["identifying", "specific", "ordinary", "public"], ...] = Field(
        description="Privacy classes whose columns are filled; those of others are null."
    )
    region: str = Field(pattern=r"^\d*$", description="Region code whose rows it sees; empty = the nation.")


class ServeConfig(_Section):
    """The SQL server."""

    os_user: str = Field(description="User of the system that a role's server runs as; empty = that of the command.")
    roles: dict[str, RoleConfig] = Field(description="Roles by name.")


class Config(_Section):
    """The whole configuration of a command."""

    spark: SparkConfig
    privacy: PrivacyConfig
    generate: GenerateConfig
    ingest: IngestConfig
    harmonise: HarmoniseConfig
    linkage: LinkageConfig
    family: FamilyConfig
    welfare: WelfareConfig
    programs: ProgramsConfig
    quality: QualityConfig
    release: ReleaseConfig
    retention: RetentionConfig
    serve: ServeConfig

    def fingerprint(self, *sections: str) -> str:
        """Return the SHA-256 of some sections: what a stage's result depends on.

        Args:
            sections: Names of sections.

        Returns:
            64 hex digits.
        """
        chosen = {name: getattr(self, name).model_dump(mode="json") for name in sorted(sections)}
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def conf_dir() -> Path:
    """Return the folder that policy people edit: ``DTSEN_CONF``, the checkout's ``conf/``, or the wheel's copy."""
    if named := os.environ.get("DTSEN_CONF"):
        return Path(named)
    package = Path(__file__).parent
    beside = package.parent / "conf"
    return beside if beside.is_dir() else package / "conf"


def place_of(master: str | None) -> Place:
    """Return the configuration layer of a Spark master.

    Args:
        master: Spark master address; None = not given.

    Returns:
        ``local`` for ``local[..]`` or none, ``standalone`` for ``spark://``, else ``cluster``.
    """
    if not master or master.startswith("local"):
        return "local"
    return "standalone" if master.startswith("spark://") else "cluster"


def read_yaml(path: Path, *, missing: str = "no such file") -> Any:
    """Read a file that policy people edit.

    Args:
        path: YAML file.
        missing: What to say where it is not there.

    Raises:
        ConfigError: It is not there, cannot be read, or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path}: {missing}"
        raise ConfigError(message) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        message = f"{path}: cannot be read as YAML ({type(error).__name__})"
        raise ConfigError(message) from error


def validated(path: Path, model: type[_Model], content: Any, what: str) -> _Model:
    """Give the content of a file its type.

    Args:
        path: The file, for the message.
        model: Its type.
        content: What was read.
        what: What the file holds, for the message.

    Raises:
        ConfigError: A key is unknown or a value wrong; the message lists every fault.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        message = f"{path}: wrong {what} ({len(faults)}): {'; '.join(faults)}"
        raise ConfigError(message) from None


def _read_layer(path: Path) -> dict[str, Any]:
    layer = read_yaml(path, missing="no such configuration file")
    if layer is None:
        return {}
    if not isinstance(layer, dict):
        message = f"{path}: must hold sections with keys, such as 'welfare: {{unit: person}}'"
        raise ConfigError(message)
    return layer


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _parse_setting(setting: str) -> dict[str, Any]:
    dotted, equals, text = setting.partition("=")
    section, dot, key = dotted.partition(".")
    if not (equals and dot and key):
        message = f"--set {setting}: write section.key=value, such as --set welfare.unit=family"
        raise ConfigError(message)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        message = f"--set {setting}: the value is not YAML"
        raise ConfigError(message) from None
    return {section: {key: value}}


def load(
    *, place: Place = "local", files: Sequence[Path] = (), settings: Sequence[str] = (), master: str | None = None
) -> Config:
    """Read and validate the configuration; touches no Spark.

    Args:
        place: Layer over the base.
        files: Further YAML files, later ones win.
        settings: ``section.key=value`` from the command line, last of all.
        master: Spark master from the command line or the environment, if given.

    Returns:
        The frozen configuration.

    Raises:
        ConfigError: A file is missing or not YAML, a key is unknown, a value is of a wrong type or out of range;
            the message lists every fault with file and key.
    """
    layers: list[tuple[str, dict[str, Any]]] = [
        (str(path), _read_layer(path)) for path in (conf_dir() / "base.yaml", conf_dir() / f"{place}.yaml", *files)
    ]
    layers += [(f"--set {setting}", _parse_setting(setting)) for setting in settings]
    if master:
        layers.append(("--master", {"spark": {"master": master}}))
    merged: dict[str, Any] = {}
    for _, layer in layers:
        merged = _merge(merged, layer)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        faults = [_describe(fault["loc"], fault["msg"], layers) for fault in error.errors()]
        message = f"wrong configuration ({len(faults)}): {'; '.join(faults)}"
        raise ConfigError(message) from None


def _describe(location: tuple[int | str, ...], text: str, layers: list[tuple[str, dict[str, Any]]]) -> str:
    # The last layer that has the key is the one to mend.
    where = [name for name, layer in layers if _has(layer, location)]
    return f"{where[-1] if where else 'every layer'}: {'.'.join(map(str, location))}: {text}"


def _has(layer: Any, location: tuple[int | str, ...]) -> bool:
    for part in location:
        if not isinstance(layer, Mapping) or part not in layer:
            return False
        layer = layer[part]
    return True
