"""How even the tasks of a stage are, as the benchmark of the deciles sees it."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from dtsen_spark.bench import decile


def test_the_largest_task_is_seen_and_only_in_stages_from_the_given_one_on(spark: SparkSession) -> None:
    first = decile.next_stage(spark)
    # One of eight tasks waits for 0.9 s.
    park = "reflect('java.util.concurrent.locks.LockSupport', 'parkNanos', 900000000L)"
    wait = F.when(F.col("id") == 0, F.expr(park))
    spark.range(0, 8, 1, 8).select(wait).write.format("noop").mode("overwrite").save()

    assert decile.largest_task(spark, first) > 2
    assert decile.largest_task(spark, decile.next_stage(spark)) == 1.0
