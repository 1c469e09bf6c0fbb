"""One tree of errors, one exit code for each class (landing contract, section 3).

A message says what, where, how many and what to do next; it never holds a person's value, so it may be
printed and logged as it is.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``dtsen`` and of every file in ``jobs/``."""

    OK = 0
    OTHER = 1
    USAGE = 2
    REFUSED = 3
    GATE = 4
    LOCKED = 5


# Where several outcomes hold in one run, the first of these is the exit code.
PRECEDENCE: tuple[ExitCode, ...] = (
    ExitCode.OTHER,
    ExitCode.LOCKED,
    ExitCode.USAGE,
    ExitCode.GATE,
    ExitCode.REFUSED,
)


def worst(codes: list[ExitCode]) -> ExitCode:
    """Return the exit code that wins where several outcomes hold.

    Args:
        codes: Every outcome of the run; may be empty.

    Returns:
        The first code of ``PRECEDENCE`` that is present, else ``OK``.
    """
    return next((code for code in PRECEDENCE if code in codes), ExitCode.OK)


class DtsenError(Exception):
    """Base of every error that a user is meant to read; shown without a traceback."""

    exit_code: ExitCode = ExitCode.OTHER


class UsageError(DtsenError):
    """Raised when an argument or a precondition of a command is wrong, before Spark starts."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """Raised when a configuration file has an unknown key or a value out of range."""


class DeliveryMissingError(UsageError):
    """Raised when a required landing table was never delivered (no folder, or only pending batches)."""


class DeliveryRefusedError(DtsenError):
    """Raised when a delivery was refused whole; the rest of the run has gone on."""

    exit_code = ExitCode.REFUSED


class GateError(DtsenError):
    """Raised when a quality gate stops a release."""

    exit_code = ExitCode.GATE


class LakeLockedError(DtsenError):
    """Raised when another run holds the lake."""

    exit_code = ExitCode.LOCKED


class ContractError(DtsenError):
    """Raised when a frame does not have the columns and types of its table contract."""


class LedgerError(DtsenError):
    """Raised when rows in differ from rows out plus rows set aside."""


class LakeError(DtsenError):
    """Raised when the lake cannot be read or written (no permission, disk full, a table that is not there)."""
