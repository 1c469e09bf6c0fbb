"""Stage ``marts`` for spark-submit, arguments as of ``dtsen run``: decisions to statistics for BI."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "marts", "--to", "marts", *sys.argv[1:]]))
