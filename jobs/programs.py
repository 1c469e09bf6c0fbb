"""Stage ``programs`` for spark-submit, arguments as of ``dtsen run``: scores and dated rules to decisions."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "programs", "--to", "programs", *sys.argv[1:]]))
