"""Stage ``welfare`` for spark-submit, arguments as of ``dtsen run``: families to scores and deciles."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "welfare", "--to", "welfare", *sys.argv[1:]]))
