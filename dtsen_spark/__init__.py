"""DTSEN on Spark: Indonesia's single national socio-economic register, built in releases."""

__version__ = "0.1.0"
