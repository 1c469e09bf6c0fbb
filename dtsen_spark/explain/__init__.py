"""One person or family of a release explained: what is recorded, from where, which desil, why; and who looked."""

from dtsen_spark.explain.lookup import AUDITOR, CITIZEN, READERS, Look, of_family, of_person
from dtsen_spark.explain.render import FORMATS, render

__all__ = ["AUDITOR", "CITIZEN", "FORMATS", "READERS", "Look", "of_family", "of_person", "render"]
