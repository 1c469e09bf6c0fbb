"""Words and numbers for those who read: Indonesian or English, from ``conf/bi``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from dtsen_spark.config import conf_dir, read_yaml
from dtsen_spark.errors import ConfigError

INDONESIAN: Final = "id"
ENGLISH: Final = "en"
LANGUAGES: Final = (INDONESIAN, ENGLISH)
LEFT_OUT: Final = "—"


@cache
def _texts(name: str) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    path = conf_dir() / "bi" / f"{name}.yaml"
    texts: Mapping[str, Mapping[str, Mapping[str, str]]] = read_yaml(path)
    missing = sorted(
        f"{part}.{key}"
        for part, entries in texts.items()
        for key, one in entries.items()
        if not set(LANGUAGES) <= set(one)
    )
    if missing:
        message = f"{path}: a text is missing in one language: {', '.join(missing)}"
        raise ConfigError(message)
    return texts


@dataclass(frozen=True)
class Wording:
    """Texts of ``conf/bi/<name>.yaml`` and the way numbers are written.

    Attributes:
        language: ``id`` or ``en``.
        name: File of the texts.
    """

    language: str
    name: str = "report"

    def text(self, key: str) -> str:
        """Return a text of the page.

        Raises:
            ConfigError: The file has no such text.
        """
        try:
            return _texts(self.name)["text"][key][self.language]
        except KeyError:
            message = f"conf/bi/{self.name}.yaml: no text '{key}'"
            raise ConfigError(message) from None

    def code(self, value: object) -> str:
        """Return what a code means, or the code where nobody said."""
        entry = _texts(self.name)["code"].get(str(value))
        return entry[self.language] if entry else str(value)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Write a number; None was left out."""
        if value is None:
            return LEFT_OUT
        written = f"{value:,.{digits}f}"
        return written.translate(str.maketrans(",.", ".,")) if self.language == INDONESIAN else written

    def percent(self, value: float | None, digits: int = 1) -> str:
        """Write a share as per cent; None was left out."""
        return LEFT_OUT if value is None else f"{self.number(100 * value, digits)}%"

    def signed(self, value: float | None, digits: int = 0) -> str:
        """Write a difference with its sign; one that rounds to nothing has none."""
        if value is None:
            return LEFT_OUT
        rounded = round(value, digits) or 0.0
        return ("+" if rounded > 0 else "") + self.number(rounded, digits)

    def __getattr__(self, key: str) -> Any:
        """Let a template write ``w.title`` for a text."""
        if key.startswith("_"):
            raise AttributeError(key)
        return self.text(key)
