"""``dtsen run`` for spark-submit: every stage, from deliveries to an audited release."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
