"""Persons to families: the stage ``family`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "family", "--to", "family", *sys.argv[1:]]))
