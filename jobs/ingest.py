"""Deliveries to bronze: the stage ``ingest`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "ingest", "--to", "ingest", *sys.argv[1:]]))
