"""Stage ``family`` for spark-submit, arguments as of ``dtsen run``: persons to families."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "family", "--to", "family", *sys.argv[1:]]))
