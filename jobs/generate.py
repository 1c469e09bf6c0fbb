"""``dtsen generate`` for spark-submit: a synthetic nation with known truth."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["generate", *sys.argv[1:]]))
