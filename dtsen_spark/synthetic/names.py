"""Names by region, cohort and sex: regional pools, mononyms, clan names, names that many people bear."""

import json
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from dtsen_spark.synthetic.draw import Draws, by_share, literal_words
from dtsen_spark.synthetic.nation import Nation, Pool

_COHORTS = (1970, 1990, 2005)
# Born from this year on, given and second names come from the pool's list of new names.
_NEW = 1985
# From this year on, from the nation-wide list of the pool's religion.
_MODERN = 2005


class Names:
    """Name expressions over the pools of the nation."""

    def __init__(self, nation: Nation, draws: Draws) -> None:
        """Lay the pools out as constant arrays, so that a name is two look-ups and no join.

        Args:
            nation: Pools and shares.
            draws: The nation's chance.
        """
        self._nation, self._draws = nation, draws
        self._pools = tuple(nation.names.pools)
        pools = [nation.names.pools[name] for name in self._pools]
        self._given = _nested([words for pool in pools for words in self._lists(pool, "given")])
        self._second = _nested([words for pool in pools for words in self._lists(pool, "second")])
        self._clan = _nested([self._words(pool.clan, "clan") for pool in pools])
        self._order = _nested([self._words(pool.order, "order") for pool in pools])
        self._mononym = _figures([share for pool in pools for share in pool.mononym])
        self._clan_share = _figures([pool.clan_share for pool in pools])
        self._second_share = _figures([pool.second_share for pool in pools])
        self._prefix = literal_words([word for pool in pools for word in (pool.prefix_m, pool.prefix_f)])
        self._prefix_share = _figures([share for pool in pools for share in (pool.prefix_m_share, pool.prefix_f_share)])

    def _words(self, pool: str, part: str) -> tuple[str, ...]:
        return self._nation.words.get((pool, part), ())

    def _lists(self, pool: Pool, part: str) -> list[tuple[str, ...]]:
        # Per pool: man old, man new, man modern, woman old, woman new, woman modern.
        lists = []
        for letter, base, new in (("m", pool.m, pool.new_m), ("f", pool.f, pool.new_f)):
            second = pool.second_m if letter == "m" else pool.second_f
            old = self._words(base, "given_old") if part == "given" else self._words(second, "second")
            newer = self._words(new or base, "given_new") if part == "given" else old
            modern = self._words(f"{pool.modern}_{letter}", "given_new" if part == "given" else "second")
            lists += [old, newer or old, modern or newer or old]
        return lists

    def pool_of(self, province: Column, *keys: Column) -> Column:
        """Return the index of a family's pool: that of its province, or one of those found everywhere."""
        names = self._nation.names
        home = F.lit(0)
        for pool, provinces in names.provinces.items():
            home = F.when(province.isin([str(code) for code in provinces]), self._pools.index(pool)).otherwise(home)
        shares = [(str(self._pools.index(pool)), share) for pool, share in names.other_pools.items()]
        other = by_share(self._draws.uniform("pool", *keys), shares, "")
        return F.coalesce(F.when(other != "", other.cast("int")), home)

    def name(self, key: Column, clan_key: Column, pool: Column, male: Column, year: Column) -> Column:
        """Return a legal name in capitals.

        Args:
            key: What the name is drawn by; the same key, pool, sex and cohort give the same name.
            clan_key: What the clan name is drawn by; shared in a family.
            pool: Index of the pool.
            male: Whether a man's name.
            year: Year of birth.

        Returns:
            One to four words.
        """
        draws, names = self._draws, self._nation.names
        era = F.when(year >= _MODERN, 2).when(year >= _NEW, 1).otherwise(0)
        cohort = sum((F.when(year >= first, 1).otherwise(0) for first in _COHORTS), F.lit(0))
        column = pool * 6 + F.when(male, 0).otherwise(3) + era

        def drawn(lists: Column, index: Column, label: str, by: Column) -> Column:
            words = F.get(lists, index)
            return F.get(words, F.floor(F.pow(draws.uniform(label, by), names.skew) * F.size(words)).cast("int"))

        one_word = draws.uniform("one word", key) < F.get(self._mononym, pool * 4 + cohort)
        sexed = pool * 2 + F.when(male, 0).otherwise(1)
        prefix = F.when(draws.uniform("prefix", key) < F.get(self._prefix_share, sexed), F.get(self._prefix, sexed))
        order = F.when(
            F.size(F.get(self._order, pool)) > 0,
            F.concat_ws(" ", F.when(male, "I").otherwise("NI"), drawn(self._order, pool, "order", key)),
        )
        clan = F.when(
            draws.uniform("clan", clan_key) < F.get(self._clan_share, pool),
            drawn(self._clan, pool, "clan name", clan_key),
        )
        wants_second = F.when(clan.isNotNull() | order.isNotNull(), F.get(self._second_share, pool)).otherwise(1.0)
        second = F.when(draws.uniform("second", key) < wants_second, drawn(self._second, column, "second name", key))
        third = F.when(
            second.isNotNull() & (draws.uniform("third", key) < names.three_words),
            drawn(self._second, column, "third name", key),
        )
        given = drawn(self._given, column, "given", key)
        full = F.array(prefix, order, given, second, third, clan)
        words = F.array_distinct(full)
        return F.when(one_word & order.isNull() & clan.isNull(), given).otherwise(F.array_join(words, " "))


def _nested(lists: Sequence[Sequence[str]]) -> Column:
    return F.from_json(F.lit(json.dumps([list(words) for words in lists])), "array<array<string>>")


def _figures(values: Sequence[float]) -> Column:
    return F.from_json(F.lit(json.dumps(list(values))), "array<double>")
