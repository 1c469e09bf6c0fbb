"""Names in one spelling, by the rules of ``conf/names/rules.csv``.

Kinds of rule, in the order they are used:

- ``version``: the edition of the rules, entered with the figures of each release;
- ``degree``: dropped behind a comma, or at the end where it is written with dots;
- ``cut``: what follows is the father's name; dropped from there on, unless it comes first;
- ``letters``: one group of letters for another, anywhere (old spelling); then doubled letters become one;
- ``token``: one token for another, or for none (titles); ``first``: the same for the first of several;
- ``common``: tokens that the phonetic key passes over, among the first eight; ``sound``, ``letter_sound``, ``mute``:
  how the key is made.

A name that consists of titles only keeps them. The raw name stays beside the normalised one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark import columns as c
from dtsen_spark.codes import read_rows
from dtsen_spark.config import conf_dir
from dtsen_spark.errors import ConfigError
from dtsen_spark.expressions import FEW, first_few

NO_LETTERS: Final = "no_letters"
_HEADER: Final = ("kind", "found", "becomes", "note")
_DOUBLED: Final = r"([A-Z])\1+"
_CLEAN: Final = "_clean"
_APOSTROPHES: Final = "'`’‘"


@dataclass(frozen=True)
class NameRules:
    """The rules, ready for use; keys of ``tokens`` are in the spelling that ``letters`` leaves.

    Attributes:
        version: Edition of the rules.
        count: How many rules there are.
        letters: Groups of letters, in order.
        degrees: Pattern of degrees at the end of a name.
        cut: Pattern from the particle in front of a father's name to the end.
        tokens: What a token becomes; empty = dropped.
        first: What the first of several tokens becomes.
        common: Tokens that the phonetic key passes over.
        sounds: Groups of letters that sound alike, in order.
        letter_sounds: Letters that sound alike: from, to.
        mute: Letters that the key leaves out behind the first.
    """

    version: str
    count: int
    letters: tuple[tuple[str, str], ...]
    degrees: str
    cut: str
    tokens: Mapping[str, str]
    first: tuple[tuple[str, str], ...]
    common: frozenset[str]
    sounds: tuple[tuple[str, str], ...]
    letter_sounds: tuple[str, str]
    mute: str


def spell(word: str, letters: tuple[tuple[str, str], ...]) -> str:
    """Return a word in the spelling that the ``letters`` rules leave: the plain-Python twin of the expression.

    >>> spell("SOEHARTTO", (("OE", "U"),))
    'SUHARTO'
    """
    return re.sub(_DOUBLED, r"\1", reduce(lambda text, rule: text.replace(*rule), letters, word))


@cache
def rules() -> NameRules:
    """Read the rules.

    Raises:
        ConfigError: The file is missing or broken, or has not one version.
    """
    path = conf_dir() / "names" / "rules.csv"
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for row in read_rows(path, _HEADER):
        by_kind.setdefault(row["kind"], []).append((row["found"], row["becomes"]))
    versions = by_kind.pop("version", [])
    if len(versions) != 1:
        message = f"{path}: {len(versions)} rows of kind version; give one"
        raise ConfigError(message)
    letters = tuple(by_kind["letters"])
    sounds = by_kind["letter_sound"]
    return NameRules(
        version=versions[0][0],
        count=sum(len(found) for found in by_kind.values()),
        letters=letters,
        degrees=_degree_pattern([found for found, _ in by_kind["degree"]]),
        cut=rf"(?<=\S) (?:{'|'.join(found for found, _ in by_kind['cut'])}) .*$",
        tokens={spell(found, letters): spell(becomes, letters) for found, becomes in by_kind["token"]},
        first=tuple(by_kind["first"]),
        common=frozenset(spell(found, letters) for found, _ in by_kind["common"]),
        sounds=tuple(by_kind["sound"]),
        letter_sounds=("".join(found for found, _ in sounds), "".join(becomes for _, becomes in sounds)),
        mute="".join(found for found, _ in by_kind["mute"]),
    )


def _degree_pattern(degrees: list[str]) -> str:
    longest_first = sorted(degrees, key=lambda degree: (-len(degree), degree))
    loose = "|".join(r"[. ]*".join(degree.split()) for degree in longest_first)
    dotted = "|".join(r"\. *".join(degree.split()) for degree in longest_first if " " in degree)
    return rf"(?:(?:,\s*(?:{loose})\.?\s*)+|(?:\s+(?:{dotted})\.?)+)(?:[, ]+(?:{loose})\.?)*\s*$"


def with_names(df: DataFrame, name: str, mother: str) -> DataFrame:
    """Add the normalised names.

    Narrow; each step is a projection of its own, so that what several columns use is computed once.

    Args:
        df: Any frame.
        name: Column with the name as delivered.
        mother: Column with the mother's name as delivered.

    Returns:
        ``df`` with ``name_norm``, ``name_sorted``, ``name_tokens``, ``token_count``, ``name_phonetic`` and
        ``mother_name_norm``; null where there is no name.
    """
    mother_clean = f"{_CLEAN}_{mother}"
    spelt = df.withColumns({_CLEAN: _spelt(F.col(name)), mother_clean: _spelt(F.col(mother))})
    normalised = spelt.withColumns(
        {c.NAME_NORM: _normalised(F.col(_CLEAN)), c.MOTHER_NAME_NORM: _normalised(F.col(mother_clean))}
    ).drop(_CLEAN, mother_clean)
    tokens = normalised.withColumn(_CLEAN, F.split(c.NAME_NORM, " "))
    sorted_ = tokens.withColumn(c.NAME_TOKENS, F.sort_array(_CLEAN))
    return (
        sorted_.withColumns(
            {
                c.NAME_SORTED: F.array_join(c.NAME_TOKENS, " "),
                c.TOKEN_COUNT: F.when(F.col(c.NAME_NORM).isNotNull(), F.size(_CLEAN)),
                c.NAME_PHONETIC: _key_token(F.col(_CLEAN)),
            }
        )
        .withColumns({c.NAME_TOKENS: F.array_distinct(c.NAME_TOKENS), c.NAME_PHONETIC: _sound(F.col(c.NAME_PHONETIC))})
        .drop(_CLEAN)
    )


def _spelt(raw: Column) -> Column:
    """Upper case, without degrees, father's name and signs, in the new spelling; null where no letter is left."""
    known = rules()
    upper = F.upper(raw)
    # Most names have neither dot nor comma: the long pattern is for the others.
    marked = upper.contains(",") | upper.contains(".")
    bare = F.when(marked, F.regexp_replace(upper, known.degrees, "")).otherwise(upper)
    # An apostrophe is inside a word (MA'RUF), any other sign is between two.
    joined = bare
    for sign in _APOSTROPHES:
        joined = F.replace(joined, F.lit(sign))
    words = F.trim(F.regexp_replace(joined, "[^A-Z0-9]+", " "))
    words = F.regexp_replace(words, known.cut, "")
    for found, becomes in known.letters:
        words = F.replace(words, F.lit(found), F.lit(becomes))
    return F.nullif(F.regexp_replace(words, _DOUBLED, "$1"), F.lit(""))


def _normalised(spelt: Column) -> Column:
    known = rules()
    pairs = ",".join(f"{found}:{becomes}" for found, becomes in known.tokens.items())
    lookup = F.str_to_map(F.lit(pairs), F.lit(","), F.lit(":"))
    tokens = F.split(spelt, " ")
    becomes = F.transform(tokens, lambda token: F.coalesce(F.try_element_at(lookup, token), token))
    replaced = F.array_join(F.filter(becomes, lambda token: token != ""), " ")
    # Both functions are interpreted and the map is searched from its begin: only for names that a rule concerns.
    concerned = F.size(tokens) > FEW
    for token in first_few(tokens):
        concerned = concerned | F.coalesce(token.isin(sorted(known.tokens)), F.lit(False))
    kept = F.when(concerned, replaced).otherwise(spelt)
    for found, instead in known.first:
        kept = F.when(
            kept.startswith(f"{found} "), F.concat(F.lit(instead), F.substr(kept, F.lit(len(found) + 1)))
        ).otherwise(kept)
    return F.coalesce(F.nullif(kept, F.lit("")), spelt)


def _key_token(tokens: Column) -> Column:
    common = sorted(rules().common)
    telling = (F.when(~token.isin(common), token) for token in first_few(tokens))
    return F.coalesce(*telling, F.get(tokens, 0))


def _sound(token: Column) -> Column:
    known = rules()
    heard = token
    for found, becomes in known.sounds:
        heard = F.replace(heard, F.lit(found), F.lit(becomes))
    heard = F.translate(heard, *known.letter_sounds)
    rest = F.translate(F.substr(heard, F.lit(2)), known.mute, "")
    return F.regexp_replace(F.concat(F.substring(heard, 1, 1), rest), _DOUBLED, "$1")
