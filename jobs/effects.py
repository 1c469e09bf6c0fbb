"""Stage ``effects`` for spark-submit, arguments as of ``dtsen run``: what each objection changed."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "effects", "--to", "effects", *sys.argv[1:]]))
