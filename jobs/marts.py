"""Decisions to statistics for BI: the stage ``marts`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "marts", "--to", "marts", *sys.argv[1:]]))
