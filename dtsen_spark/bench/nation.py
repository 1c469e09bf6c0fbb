"""The nations and lakes that benchmarks work on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dtsen_spark import session, synthetic
from dtsen_spark.config import Config

_SEED = 1


@contextmanager
def workspace(folder: Path | None) -> Iterator[Path]:
    """Give a folder for nations and lakes: the named one, which is kept, or one that ends with the benchmark."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="dtsen-bench-") as made:
        yield Path(made)


def nation(config: Config, root: Path, persons: int, profile: str = "documented") -> Path:
    """Return the folder of a synthetic nation (``landing/``, ``truth/``), made unless it stands there.

    Args:
        config: The configuration.
        root: The workspace.
        persons: Living persons.
        profile: Error rates.
    """
    folder = root / f"nation-{persons}-{profile}"
    spark = session.start(config, "dtsen bench")
    synthetic.generate(spark, config, persons=persons, seed=_SEED, out=folder, profile=profile)
    return folder
