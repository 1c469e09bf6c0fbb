"""Silver records to persons: the stage ``linkage`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "linkage", "--to", "linkage", *sys.argv[1:]]))
