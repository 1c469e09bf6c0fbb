"""A suite of ``conf/quality``: which figures a release must show, and how bad it is when it does not."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dtsen_spark.config import conf_dir, read_yaml, validated

Severity = Literal["critical", "warning"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Bounded(_Part):
    min: float | None = Field(default=None, description="Least value that is good.")
    max: float | None = Field(default=None, description="Greatest value that is good.")
    severity: Severity = Field(description="critical stops the release, warning flags it.")
    why: str = Field(min_length=1, description="What it means when it fails, and what to do.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            message = f"min {self.min} is above max {self.max}"
            raise ValueError(message)
        return self

    @property
    def limits(self) -> str:
        """The bounds in words."""
        if self.min is not None and self.max is not None:
            return f"from {self.min:g} to {self.max:g}"
        return f"at least {self.min:g}" if self.min is not None else f"at most {self.max:g}"


class Threshold(_Bounded):
    """What one figure of the release must be, for every subject that has it."""

    metric: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name of the figure.")
    required: bool = Field(default=True, description="A release without the figure fails.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            message = f"{self.metric}: give min, max or both"
            raise ValueError(message)
        return self

    @property
    def name(self) -> str:
        """The expectation in a few words."""
        return f"{self.metric} {self.limits}"

    def holds(self, value: float) -> bool:
        """Say whether a value is within the bounds."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


class Shape(_Bounded):
    """What the values of one column look like in the sample."""

    table: Literal["family", "person"] = Field(description="Sampled families, or the persons in them.")
    column: str = Field(description="Column; never an identifying one.")
    values: tuple[str, ...] = Field(default=(), description="Every code that may stand there.")
    pattern: str = Field(default="", description="Regular expression that the whole value matches.")
    filled: bool = Field(default=False, description="The value is never null.")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        bounded = self.min is not None or self.max is not None
        if sum((bounded, bool(self.values), bool(self.pattern), self.filled)) != 1:
            message = f"{self.table}.{self.column}: give exactly one of min/max, values, pattern, filled"
            raise ValueError(message)
        return self

    @property
    def name(self) -> str:
        """The expectation in a few words."""
        if self.values:
            return f"{self.column} one of {', '.join(self.values)}"
        if self.pattern:
            return f"{self.column} of the form {self.pattern}"
        return f"{self.column} never null" if self.filled else f"{self.column} {self.limits}"


class Suite(_Part):
    """Everything the gate looks at."""

    figures: tuple[Threshold, ...] = Field(min_length=1, description="Figures of the whole release.")
    least_examined: int = Field(ge=1, description="Subjects below which a share of contradictions is no evidence.")
    sample_families: int = Field(ge=1, description="Families of each decile in the sample.")
    sample: tuple[Shape, ...] = Field(description="Shape of the sampled rows.")


def load_suite(name: str) -> Suite:
    """Read a suite.

    Args:
        name: File name under ``conf/quality``, without its ending.

    Returns:
        The suite.

    Raises:
        ConfigError: There is no such suite, it is not YAML, or a key or value is wrong; the message lists every fault.
    """
    path: Path = conf_dir() / "quality" / f"{name}.yaml"
    return validated(path, Suite, read_yaml(path, missing="no such suite (quality.suite)"), "suite")
