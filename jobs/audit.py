"""Accounts, quality gate and content hashes of a release that is complete: the stage ``audit`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "audit", "--to", "audit", *sys.argv[1:]]))
