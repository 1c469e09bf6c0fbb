"""Stage ``corrections`` for spark-submit, arguments as of ``dtsen run``: tickets and visits to verified values."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "corrections", "--to", "corrections", *sys.argv[1:]]))
