"""Stage ``harmonise`` for spark-submit, arguments as of ``dtsen run``: bronze to silver."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "harmonise", "--to", "harmonise", *sys.argv[1:]]))
