"""Bronze to silver: one code list per indicator, names, dates, graded NIKs: the stage ``harmonise`` of ``dtsen run``, with its arguments, for spark-submit."""

import sys

from dtsen_spark.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", "--from", "harmonise", "--to", "harmonise", *sys.argv[1:]]))
