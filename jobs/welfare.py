"""Families to scores and deciles: the stage ``welfare`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "welfare", "--to", "welfare", *sys.argv[1:]]))
