"""A synthetic nation with known truth: ``dtsen generate``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["generate", *sys.argv[1:]]))
