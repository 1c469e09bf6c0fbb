"""Stage ``audit`` for spark-submit, arguments as of ``dtsen run``: accounts, gate, content hashes."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "audit", "--to", "audit", *sys.argv[1:]]))
