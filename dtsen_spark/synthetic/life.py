"""A month in the life of the nation: births, deaths, moves, weddings, children who leave, lost jobs, better walls.

Something happens in a share of the families, drawn two neighbours at a time, so that members of both may marry;
in a family at most one thing in a month. All others stay as they are and are not computed again.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from dtsen_spark.job import Period
from dtsen_spark.synthetic.delivery import World
from dtsen_spark.synthetic.draw import Draws, by_share
from dtsen_spark.synthetic.families import LISTED_UNTIL, PUT_RIGHT, addressed, card_number
from dtsen_spark.synthetic.names import Names
from dtsen_spark.synthetic.nation import Nation
from dtsen_spark.synthetic.population import PLACES, schooled, with_nik

BIRTH: Final = "BIRTH"
DEATH: Final = "DEATH"
MOVE: Final = "MOVE"
LEAVE: Final = "LEAVE"
MARRIAGE: Final = "MARRIAGE"
JOB_LOSS: Final = "JOB_LOSS"
CHANGE: Final = "CHANGE"

# Of the families in which something happens; where it cannot, and in what is left of 1, dwelling and records change.
_SHARES: Final = ((BIRTH, 0.18), (DEATH, 0.10), (MOVE, 0.17), (LEAVE, 0.08), (JOB_LOSS, 0.17))
_MARRIAGES: Final = 0.8  # of neighbours who may marry
_WIDEST: Final = 10  # members of a family that has another child
_WAGE: Final = 0.35  # what a lost job takes from the log expenditure
_CHANGED_SD: Final = 0.5  # of the welfare that dwelling and assets follow
_OWN_SD: Final = 0.25  # of a new family's log expenditure about that of the parents

_EVENT: Final = "_event"
_SUBJECT: Final = "_subject"
_NEW: Final = "_new_family"
_HEIR: Final = "_heir"


@dataclass(frozen=True)
class Month:
    """A month after the nation was made.

    Attributes:
        number: 1 for the first month that follows the nation.
        period: The month.
        share: Share of families in which something happens.
    """

    number: int
    period: Period
    share: float

    @property
    def text(self) -> str:
        """The month as written, such as ``2026-04``."""
        return self.period.text

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.period.last_day


@dataclass(frozen=True)
class Lived:
    """What a month did.

    Attributes:
        before: The families in which something happened, as they were.
        after: The same families and those that they founded, as they are.
        world: The nation after the month.
    """

    before: World
    after: World
    world: World


class Life:
    """How a nation lives."""

    def __init__(self, spark: SparkSession, nation: Nation, places: DataFrame, scratch: str) -> None:
        """Set the nation's constants.

        Args:
            spark: The session.
            nation: Constants.
            places: Of ``read_places``.
            scratch: Folder for the families and persons of each month.
        """
        self._spark, self._nation, self._places, self._scratch = spark, nation, places, scratch

    def live(self, world: World, month: Month) -> Lived:
        """Live one month.

        Args:
            world: The nation before.
            month: The month.

        Returns:
            The touched families before and after, and the nation after.
        """
        touched = world.draws.chance(f"{month.text}/touched", month.share, _pair())
        before = replace(world, families=world.families.where(touched), persons=world.persons.where(touched))
        events = self._keep(_events(before, month, world.count), month, "events")
        families = self._keep(self._families(before, events, month), month, "families")
        persons = self._keep(self._persons(before, events, families, month), month, "persons")
        after = replace(world, families=families, persons=persons)
        return Lived(
            before,
            after,
            replace(
                world,
                families=world.families.where(~touched).unionByName(families),
                persons=world.persons.where(~touched).unionByName(persons),
            ),
        )

    def _keep(self, df: DataFrame, month: Month, name: str) -> DataFrame:
        path = f"{self._scratch}/{month.text}/{name}"
        df.write.parquet(path)
        return self._spark.read.parquet(path)

    def _families(self, before: World, events: DataFrame, month: Month) -> DataFrame:
        """Return the touched families after the month, and those that were founded in it."""
        draws, columns = before.draws, before.families.columns
        rules = self._nation.consumption
        joined = before.families.join(events, "family")  # 1 : 1, each touched family has one event
        f = F.col("family")
        drift = F.when(_is(CHANGE), _CHANGED_SD * draws.normal(f"{month.text}/drift", f)).otherwise(0.0)
        income = F.when(_is(JOB_LOSS), -_WAGE).otherwise(drift * rules.visible_sd)
        gone = F.when(_is(DEATH, LEAVE, MARRIAGE), 1).otherwise(0)
        size = F.col("size") - gone + F.when(_is(BIRTH), 1).otherwise(0)
        widowed = F.when(F.col("kind") == "C", F.when(F.col("size") > 2, "L").otherwise("S"))
        widowed = widowed.when(F.col("kind") == "P", "Q").when(F.col("kind") == "L", "S").otherwise(F.col("kind"))
        alone = (F.col("kind").isin("L", "Q")) & (F.col("size") - gone == 1)
        # All at once: each reads what was.
        stayed = joined.withColumns(
            {
                "size": size,
                "kind": F.when(_is(DEATH) & F.col(_HEIR).isNotNull(), widowed)
                .when(alone, "S")
                .otherwise(F.col("kind")),
                "welfare": F.col("welfare") + drift,
                "log_expenditure": F.round(F.col("log_expenditure") + income, 6),
                PUT_RIGHT: F.col(PUT_RIGHT) | _is(CHANGE),
                LISTED_UNTIL: F.lit(month.last_day),
            }
        ).where(F.col("size") > 0)
        stayed = self._moved(stayed, draws, month)
        return stayed.select(*columns).unionByName(self._founded(joined, draws, month).select(*columns))

    def _moved(self, families: DataFrame, draws: Draws, month: Month) -> DataFrame:
        """Give those who moved a village of the same kab/kota; what the sources saw before stays as it was."""
        f = F.col("family")
        homes = self._places.select("kab", "districts")
        district = draws.element(f"{month.text}/district", F.col("districts"), f)
        village = draws.element(f"{month.text}/village", F.col("_district.villages"), f)
        # n : 1, every kab/kota is in the reference.
        placed = families.join(F.broadcast(homes), "kab").withColumn("_district", district).withColumn("_v", village)
        place = {
            "kec": F.col("_district.kec"),
            "kec_2022": F.col("_district.kec_2022"),
            "village": F.col("_v.village"),
            "village_2022": F.col("_v.village_2022"),
            "bps": F.col("_v.bps"),
            "moved": F.lit(True),
        }
        return placed.withColumns(
            {name: F.when(_is(MOVE), there).otherwise(F.col(name)) for name, there in place.items()}
        )

    def _founded(self, joined: DataFrame, draws: Draws, month: Month) -> DataFrame:
        """Return the families that were founded: where the founder's parents live, with a card of their own."""
        f = F.col("family")
        own = {
            "family": F.col(_NEW),
            "family_key": F.col(_NEW),
            "size": F.when(_is(MARRIAGE), 2).otherwise(1),
            "kind": F.when(_is(MARRIAGE), "C").otherwise("S"),
            "kids": F.lit(0),
            "paired": F.lit(False),
            "dead": F.lit(False),
            "moved": F.lit(False),
            "past_village": F.col("village_2022"),
            "past_bps": F.col("bps"),
            PUT_RIGHT: F.lit(False),
            LISTED_UNTIL: F.lit(month.last_day),
        }
        # Of a couple's two families the man's tells where they live.
        founders = joined.where(_is(LEAVE) | (_is(MARRIAGE) & F.col("_by_man"))).withColumns(own)
        issued = F.date_sub(F.lit(month.last_day), draws.whole("card day", 0, 27, f))
        spent = F.round(F.col("log_expenditure") + _OWN_SD * draws.normal("own spending", f), 6)
        carded = addressed(founders, draws).withColumns(
            {"_card": F.concat("kec", F.date_format(issued, "ddMMyy")), "log_expenditure": spent}
        )
        return carded.withColumn("no_kk", card_number("_card")).withColumn("no_kk_2022", F.col("no_kk"))

    def _persons(self, before: World, events: DataFrame, families: DataFrame, month: Month) -> DataFrame:
        """Return the persons of the touched families after the month."""
        draws, columns = before.draws, before.persons.columns
        shared = [name for name in families.columns if name in columns and name != "family"]
        lived = _lived(before.persons, events, month, draws)
        # n : 1; a family that ended keeps what its dead were registered with.
        homes = families.select(F.col("family").alias("_home"), F.struct(*shared).alias("_of"))
        housed = lived.join(homes, F.col("family") == F.col("_home"), "left")
        housed = housed.withColumns(
            {name: F.when(F.col("_home").isNotNull(), F.col(f"_of.{name}")).otherwise(F.col(name)) for name in shared}
        )
        everyone = housed.select(*columns).unionByName(self._born(before, events, families, month).select(*columns))
        # A partition is one family.
        head = F.when((F.col("role") == "HEAD") & (F.col("copy") == 0) & F.col("registered"), F.col("nik"))
        return everyone.withColumn("head_nik", F.max(head).over(Window.partitionBy("family")))

    def _born(self, before: World, events: DataFrame, families: DataFrame, month: Month) -> DataFrame:
        """Return the newborn: the mother's child, registered at once."""
        draws, names = before.draws, Names(self._nation, before.draws)
        of_mother = events.where(_is(BIRTH)).select("family", _SUBJECT, "_father")
        nik = F.when(F.col("registered"), F.col("nik")).alias("nik")
        parent = before.persons.where(F.col("copy") == 0).select(
            F.col("person").alias("_parent"), F.struct("name", nik, "neighbour_nik").alias("_p")
        )
        # birth : mother is 1 : 1, birth : father is 1 : 0..1.
        born = (
            of_mother.join(families, "family")
            .join(parent.withColumnsRenamed({"_parent": _SUBJECT, "_p": "_mother"}), _SUBJECT)
            .join(parent.withColumnsRenamed({"_parent": "_father", "_p": "_dad"}), "_father", "left")
        )
        founded, origin = F.floor(F.col("family") / before.count), F.col("family") % before.count
        nobody = F.lit(None).cast("string")
        person = ((F.lit(month.number).cast("bigint") * before.count + origin) * PLACES + founded).cast("bigint")
        born = born.withColumns({"person": person, "role": F.lit("CHILD"), "alive": F.lit(True)}).withColumns(
            {
                "male": draws.chance("boy", 0.512, F.col("person")),
                "birth_date": F.date_sub(
                    F.lit(month.last_day), draws.whole("birth day", 0, month.last_day.day - 1, F.col("person"))
                ),
                "death_date": F.lit(None).cast("date"),
                "place": F.col("size"),
                "copy": F.lit(0),
                "twin": F.lit(False),
                "registered": F.lit(True),
                "reused": F.lit(False),
                "birth_place": F.col("kab_name"),
                "head_nik": nobody,
                "mother_name": F.col("_mother.name"),
                "mother_nik": F.col("_mother.nik"),
                "neighbour_nik": F.col("_mother.neighbour_nik"),
                "father_nik": F.col("_dad.nik"),
            }
        )
        year = F.year("birth_date")
        far = names.name(-F.col("person") * 4 - 3, F.col("family_key"), F.col("pool"), F.lit(True), year - 30)
        born = born.withColumns(
            {
                "name": names.name(F.col("person"), F.col("family_key"), F.col("pool"), F.col("male"), year),
                "father_name": F.coalesce(F.col("_dad.name"), far),
            }
        )
        numbered = with_nik(born, F.col("kec"), F.col("birth_date")).withColumn("carried_nik", F.col("nik"))
        return schooled(numbered, self._nation, draws, before.today)


def _pair() -> Column:
    return F.floor(F.col("family") / 2)


def _is(*kinds: str) -> Column:
    return F.col(_EVENT).isin(*kinds)


def _events(before: World, month: Month, count: int) -> DataFrame:
    """Return what happens in each touched family.

    Returns:
        One row a family: ``_event``, ``_subject`` (person whom it befalls), ``_new_family`` (that the subject founds),
        ``_by_man``, ``_father`` (of a newborn), ``_heir`` (who is head where the head dies) and ``_of_couple`` (head
        or spouse dies).
    """
    draws, f, person, age = before.draws, F.col("family"), F.col("person"), F.col("age")
    role, living = F.col("role"), F.col("alive") & (F.col("copy") == 0)

    def one(holds: Column) -> Column:
        """Return the eldest member of whom something holds; ties by number."""
        return F.max_by(F.when(living & holds, person), F.when(living & holds, F.struct(age, person)))

    # A grown child, or who lives alone.
    single = ((role == "CHILD") | (F.col("kind") == "S")) & age.between(19, 40) & (F.col("marital") == "1")
    members = before.persons.groupBy("family").agg(
        F.max(F.when(living & (role == "HEAD"), person)).alias("_head"),
        one(role == "SPOUSE").alias("_spouse"),
        one(role.isin("PARENT", "SPOUSE")).alias("_elder"),
        one(single).alias("_single"),
        F.max_by(F.col("male"), F.when(living & single, F.struct(age, person))).alias("_son"),
        one(F.col("works") & role.isin("HEAD", "SPOUSE")).alias("_worker"),
        one(~F.col("male") & role.isin("HEAD", "SPOUSE") & age.between(17, 45)).alias("_mother"),
        F.max(F.when(living & F.col("male") & role.isin("HEAD", "SPOUSE"), person)).alias("_father"),
        F.count_if(living).alias("_living"),
    )
    # 1 : 1, every family has members.
    asked = before.families.select("family", "size").join(members, "family")
    pair = Window.partitionBy(_pair())  # two families
    man = F.when(F.col("_son"), F.struct("family", "_single"))
    woman = F.when(~F.col("_son"), F.struct("family", "_single"))
    asked = asked.withColumns({"_man": F.max(man).over(pair), "_woman": F.max(woman).over(pair)})
    founder = F.col("family") < count
    weds = (
        draws.chance(f"{month.text}/marriage", _MARRIAGES, _pair())
        & F.col("_single").isNotNull()
        & F.col("_man").isNotNull()
        & F.col("_woman").isNotNull()
        & (F.col("_man.family") < count)
    )
    drawn = by_share(draws.uniform(f"{month.text}/event", f), _SHARES, CHANGE)
    head_dies = (draws.uniform(f"{month.text}/who", f) < 0.4) & F.col("_spouse").isNotNull()
    dies = F.when(head_dies | (F.col("_living") == 1), F.col("_head")).otherwise(F.col("_elder"))
    possible = (
        F.when(drawn == BIRTH, F.col("_mother").isNotNull() & (F.col("size") < _WIDEST) & (f < count * PLACES))
        .when(drawn == DEATH, dies.isNotNull())
        .when(drawn == LEAVE, F.col("_single").isNotNull() & (F.col("size") > 1) & founder)
        .when(drawn == JOB_LOSS, F.col("_worker").isNotNull())
        .otherwise(True)
    )
    event = F.when(F.coalesce(weds, F.lit(False)), MARRIAGE).when(possible, drawn).otherwise(CHANGE)
    base = F.lit(month.number).cast("bigint") * count
    return asked.withColumn(_EVENT, event).select(
        "family",
        _EVENT,
        F.when(_is(BIRTH), F.col("_mother"))
        .when(_is(DEATH), dies)
        .when(_is(LEAVE, MARRIAGE), F.col("_single"))
        .when(_is(JOB_LOSS), F.col("_worker"))
        .alias(_SUBJECT),
        F.when(_is(LEAVE), base + f).when(_is(MARRIAGE), base + F.col("_man.family")).alias(_NEW),
        (_is(MARRIAGE) & F.col("_son")).alias("_by_man"),
        F.when(_is(BIRTH), F.col("_father")).alias("_father"),
        F.when(_is(DEATH) & head_dies, F.col("_spouse")).alias(_HEIR),
        (_is(DEATH) & ((dies == F.col("_head")) | dies.eqNullSafe(F.col("_spouse")))).alias("_of_couple"),
    )


def _lived(persons: DataFrame, events: DataFrame, month: Month, draws: Draws) -> DataFrame:
    """Return the persons with what befell them; family and its columns as they were but for who left."""
    # n : 1; the dead of families that ended before have no event.
    joined = persons.join(events, "family", "left")
    me = F.col("person") == F.col(_SUBJECT)
    dies, founds, idle = me & _is(DEATH), me & _is(LEAVE, MARRIAGE), me & _is(DEATH, JOB_LOSS)
    heir = F.col("person") == F.col(_HEIR)
    widow = F.col("_of_couple") & ~me & F.col("alive") & F.col("role").isin("HEAD", "SPOUSE")
    day = F.date_sub(F.lit(month.last_day), draws.whole("day of death", 0, 45, F.col("person")))
    nothing = F.lit(None).cast("string")
    changes = {
        "alive": F.when(dies, False).otherwise(F.col("alive")),
        # Some are told of a month late.
        "death_date": F.when(dies, F.greatest(day, F.col("birth_date"))).otherwise(F.col("death_date")),
        "family": F.when(founds, F.col(_NEW)).otherwise(F.col("family")),
        "role": F.when(founds, F.when(_is(LEAVE) | F.col("male"), "HEAD").otherwise("SPOUSE"))
        .when(heir, "HEAD")
        .when(dies & F.col(_HEIR).isNotNull(), "SPOUSE")
        .otherwise(F.col("role")),
        "marital": F.when(founds & _is(MARRIAGE), "2").when(widow, "4").otherwise(F.col("marital")),
        "works": F.when(idle, False).otherwise(F.col("works")),
        "status": F.when(idle, nothing).otherwise(F.col("status")),
        "sector": F.when(idle, nothing).otherwise(F.col("sector")),
        "hours": F.when(idle, F.lit(None).cast("int")).otherwise(F.col("hours")),
    }
    # Where nothing befell the family there is no subject, and every column stays.
    return joined.withColumns(changes)
