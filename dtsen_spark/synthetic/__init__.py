"""A nation with known truth: deliveries in the landing contract, written in Spark expressions."""

from dtsen_spark.synthetic.generate import Summary, generate
from dtsen_spark.synthetic.profile import Profile, load_profile

__all__ = ["Profile", "Summary", "generate", "load_profile"]
