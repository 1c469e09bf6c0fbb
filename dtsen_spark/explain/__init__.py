"""One person or family of a release explained: what is recorded, from where, which desil, why; and who looked."""

from dtsen_spark.explain.lookup import Look, of_family, of_person
from dtsen_spark.explain.render import AUDITOR, CITIZEN, FORMATS, READERS, render

__all__ = ["AUDITOR", "CITIZEN", "FORMATS", "READERS", "Look", "of_family", "of_person", "render"]
