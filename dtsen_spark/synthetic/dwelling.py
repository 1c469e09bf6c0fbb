"""What welfare shows in a family's dwelling and assets, in each form's codes (``indicators.yaml``)."""

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dtsen_spark.synthetic.draw import Draws, classed
from dtsen_spark.synthetic.nation import read_yaml

# Positions of the yes/no items on the DTKS form: odd ones say 1 or 2, even ones 3 or 4.
_DTKS_ORDER = (
    "gas", "fridge", "ac", "heater", "telephone", "tv", "gold", "computer", "bicycle", "motorcycle", "car", "boat",
    "motor_boat", "land", "other_house",
)  # fmt: skip


class Dwellings:
    """Indicator expressions over families (family, welfare, urban) that ``visited`` has prepared."""

    def __init__(self, draws: Draws) -> None:
        """Read the indicators.

        Args:
            draws: The nation's chance.
        """
        self._draws = draws
        self._spec = read_yaml("indicators.yaml")

    def visited(self, families: DataFrame, visit: str) -> DataFrame:
        """Add what a visit sees of each indicator, as a standard normal column ``_<item>``; the rest reads these.

        Args:
            families: One row a family: family, welfare.
            visit: Name of the visit; two visits to one dwelling differ a little.

        Returns:
            The same rows.
        """
        family, spec = F.col("family"), self._spec
        named: dict[str, float] = {item: kind["rho"] for item, kind in (spec["classes"] | spec["assets"]).items()}
        named |= {"area": spec["floor_area"]["rho"], "wall_condition": 0.5, "roof_condition": 0.5}
        latents = {}
        for item, rho in named.items():
            own = rho * F.col("welfare") + math.sqrt(1 - rho * rho) * self._draws.normal(item, family)
            seen = spec["visit_noise"] * (2.0 * self._draws.uniform(f"{visit}/{item}", family) - 1.0)
            latents[f"_{item}"] = own + seen
        return families.withColumns(latents)

    def code(self, item: str, form: str) -> Column:
        """Return the code of a classed indicator.

        Args:
            item: Name of the indicator.
            form: Column of codes in the file, such as ``regsosek`` or ``dtks_power``.
        """
        spec = self._spec["classes"][item]
        codes = [None if kind.get(form) is None else str(kind[form]) for kind in spec["classes"]]
        return classed(F.col(f"_{item}"), [kind["share"] for kind in spec["classes"]], codes)

    def has(self, item: str) -> Column:
        """Return whether the family has an asset."""
        share = self._spec["assets"][item]["share"]
        return ~self._draws.below(F.col(f"_{item}"), 1 - share, sd=1.0)

    def area(self) -> Column:
        """Return the floor area in m²."""
        spec = self._spec["floor_area"]
        metres = F.exp(math.log(spec["median_m2"]) + spec["log_sd"] * F.col("_area"))
        return F.greatest(F.lit(6), F.least(F.lit(600), F.round(metres).cast("int"))).cast("string")

    def _heads(self, item: str) -> Column:
        spec, family = self._spec["livestock"][item], F.col("family")
        keeps = F.when(F.col("urban"), 0.2 * spec["share"]).otherwise(1.6 * spec["share"])
        heads = self._draws.whole(f"{item}/heads", 1, spec["most"], family)
        return F.when(self._draws.uniform(item, family) < keeps, heads).otherwise(0).cast("string")

    def livestock(self, form: str) -> dict[str, Column]:
        """Return the columns of livestock counts of a form."""
        return {spec[form]: self._heads(item) for item, spec in self._spec["livestock"].items()}

    def regsosek(self) -> dict[str, Column]:
        """Return the housing, asset and livestock columns of REGSOSEK22.K."""

        def code(item: str, form: str = "regsosek") -> Column:
            return self.code(item, form)

        family = F.col("family")
        well = code("water").isin("4", "5", "6", "7", "8")
        yes_no = {
            spec["regsosek"]: F.when(self.has(item), "1").otherwise("2") for item, spec in self._spec["assets"].items()
        }
        return {
            "r301a": code("tenure"),
            "r301b": F.when(code("tenure") == "1", self._draws.whole("title", 1, 6, family).cast("string")),
            "r302": self.area(),
            "r303": code("floor"),
            "r304": code("wall"),
            "r305": code("roof"),
            "r306a": code("water"),
            "r306b": F.when(well, self._draws.whole("distance", 1, 3, family).cast("string")),
            "r307a": code("power"),
            "r307b": code("power", "regsosek_power"),
            "r308": code("fuel"),
            "r309a": code("toilet"),
            "r309b": F.when(code("toilet") != "6", code("closet")),
            "r310": F.when(code("toilet") != "6", code("sewage")),
            **yes_no,
            **self.livestock("regsosek"),
            "r505": code("internet"),
            "r506": code("account"),
        }

    def dtks(self) -> dict[str, Column]:
        """Return the housing, asset and livestock columns of the DTKS form."""
        family = F.col("family")
        yes_no: dict[str, Column] = {}
        for position, item in enumerate(_DTKS_ORDER):
            yes, no = ("1", "2") if position % 2 == 0 else ("3", "4")
            if item in {"land", "other_house"}:
                yes, no = ("1", "2") if item == "land" else ("3", "4")
            yes_no[self._spec["assets"][item]["dtks"]] = F.when(self.has(item), yes).otherwise(no)
        none = self.code("toilet", "dtks") == "4"

        def condition(item: str) -> Column:
            return F.when(F.col(f"_{item}_condition") > -0.4, "1").otherwise("2")

        return {
            "status_rumah": self.code("tenure", "dtks"),
            "luas_lantai": self.area(),
            "lantai": self.code("floor", "dtks"),
            "dinding": self.code("wall", "dtks"),
            "dinding_kondisi": condition("wall"),
            "atap": self.code("roof", "dtks"),
            "atap_kondisi": condition("roof"),
            "air_minum": self.code("water", "dtks"),
            "penerangan": self.code("power", "dtks"),
            "daya": self.code("power", "dtks_power"),
            "bahan_bakar": self.code("fuel", "dtks"),
            "fas_bab": self.code("toilet", "dtks"),
            "kloset": F.when(none, "4").otherwise(self.code("closet", "dtks")),
            "tinja": F.when(~none, self.code("sewage", "dtks")),
            "kamar_tidur": self._draws.whole("bedrooms", 1, 4, family).cast("string"),
            **yes_no,
            **self.livestock("dtks"),
        }

    def p3ke(self) -> dict[str, Column]:
        """Return the housing columns of the BKKBN form."""
        toilet = self.code("toilet", "p3ke")
        septic = self.code("sewage", "dtks") == "1"
        return {
            "status_rumah": self.code("tenure", "p3ke"),
            "lantai": self.code("floor", "p3ke"),
            "dinding": self.code("wall", "p3ke"),
            "atap": self.code("roof", "p3ke"),
            "air_minum": self.code("water", "p3ke"),
            "penerangan": self.code("power", "p3ke"),
            "bahan_bakar": self.code("fuel", "p3ke"),
            "jamban": F.when((toilet == "1") & ~septic, "2").otherwise(toilet),
        }

    def meter(self) -> Column:
        """Return the capacity of the family's power meter in VA; null where it has none."""
        return self.code("power", "va")
