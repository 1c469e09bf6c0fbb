"""Stage ``linkage`` for spark-submit, arguments as of ``dtsen run``: silver records to persons."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "linkage", "--to", "linkage", *sys.argv[1:]]))
