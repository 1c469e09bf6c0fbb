"""Every stage, from deliveries to an audited release: ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
