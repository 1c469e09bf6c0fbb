"""Stage ``ingest`` for spark-submit, arguments as of ``dtsen run``: deliveries to bronze."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "ingest", "--to", "ingest", *sys.argv[1:]]))
