"""``dtsen publish`` for spark-submit: an audited release becomes the current one."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["publish", *sys.argv[1:]]))
