"""An audited release becomes the current one: ``dtsen publish``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["publish", *sys.argv[1:]]))
