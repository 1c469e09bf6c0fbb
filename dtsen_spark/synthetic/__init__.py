"""A nation with known truth: deliveries in the landing contract, written in Spark expressions."""

from dtsen_spark.synthetic.answers import HandedOver, handed_over
from dtsen_spark.synthetic.generate import Summary, generate
from dtsen_spark.synthetic.profile import Profile, load_profile
from dtsen_spark.synthetic.update import generate_next, month_of
from dtsen_spark.synthetic.writing import write_manifest

__all__ = [
    "HandedOver",
    "Profile",
    "Summary",
    "generate",
    "generate_next",
    "handed_over",
    "load_profile",
    "month_of",
    "write_manifest",
]
