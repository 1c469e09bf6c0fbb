"""Scores and dated rules to program decisions: the stage ``programs`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "programs", "--to", "programs", *sys.argv[1:]]))
