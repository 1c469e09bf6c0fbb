"""``make dist``: what a cluster needs and does not have, into ``dist/``, all of it from the locks.

Spark itself is not packed: YARN, Kubernetes and standalone clusters bring their own Spark 4.1, and ``spark-submit``
puts its pyspark on the path.
"""

import shutil
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

from environment import ROOT, SetupError, run, say, selected, sha256

from dtsen_spark import session

DIST: Final = ROOT / "dist"
RUNTIME_LOCK: Final = ROOT / "requirements.lock"
# The cluster's Spark has its own, of the same version.
OF_THE_CLUSTER: Final = ("pyspark", "py4j")


def build_wheel() -> Path:
    """Build the project's wheel, configuration included."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", DIST, ROOT)
    return next(DIST.glob("*.whl"))


def pack_environment(wheel: Path) -> None:
    """Pack the runtime dependencies and the project as an archive for ``spark-submit --archives``.

    The interpreter in it is a link: every node needs the same Python at the same place as this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "environment")
        venv.create(home, symlinks=True, with_pip=True)
        # The wheels of the lock come out of pip's cache: set-up has just used them.
        pip = (home / "bin" / "python", "-m", "pip", "--disable-pip-version-check")
        lock = Path(folder, "runtime.lock")
        lock.write_text(selected(RUNTIME_LOCK, lambda name: name not in OF_THE_CLUSTER), encoding="utf-8")
        run(*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", lock)
        run(*pip, "install", "--quiet", "--no-deps", wheel)
        archive = DIST / "environment.tar.gz"
        run(Path(sys.executable).parent / "venv-pack", "--quiet", "--prefix", home, "--output", archive, "--force")


def copy_jars() -> None:
    """Copy the locked jars and Splink's similarity functions, and list them for ``--jars``."""
    folder = DIST / "jars"
    folder.mkdir()
    # The jars of a session are those of a submit; the session module knows which they are.
    for jar in session.jars():
        shutil.copy(jar, folder)
    names = sorted(str(jar.relative_to(ROOT)) for jar in folder.glob("*.jar"))
    (DIST / "jars.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def main() -> int:
    """Build everything anew.

    Returns:
        0, or 2 where something is missing.
    """
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    try:
        wheel = build_wheel()
        copy_jars()
        pack_environment(wheel)
    except SetupError as error:
        say(str(error))
        return 2
    shutil.copytree(ROOT / "jobs", DIST / "jobs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf" / "spark", DIST / "conf")
    files = sorted(path for path in DIST.rglob("*") if path.is_file())
    sums = [f"{sha256(path)}  {path.relative_to(DIST)}\n" for path in files]
    (DIST / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    for path in files:
        say(f"{path.stat().st_size / 1e6:8.1f} MB  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
