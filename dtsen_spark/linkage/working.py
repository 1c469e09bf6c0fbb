"""Names of working columns inside the stage: none but the node reaches a table of the lake."""

from typing import Final

from dtsen_spark import columns as c

# One 64-bit id for each node: the NIK of a registry row (positive), a hash of the record id for all others (negative),
# so that the sign says the side and the joins never carry text.
NODE: Final = c.NODE
LEFT: Final = "join_key_l"
RIGHT: Final = "join_key_r"
MATCH_KEY: Final = "match_key"

NIK_NUMBER: Final = "nik_number"
KK_NUMBER: Final = "kk_number"
UNIT: Final = "unit"  # family of the record inside its source, hashed
ANCHOR: Final = "anchor"  # node of the registry row that a record belongs to
ANCHOR_KK: Final = "anchor_kk"
IN_REGISTRY: Final = "in_registry"  # the stated NIK is of a registry row
CERTAIN: Final = "certain"  # name and full birth date agree with that row, whatever else the NIK is used for
INACTIVE: Final = "inactive"
SEX_DIFFERS: Final = "sex_differs"  # from the record that it was linked to, or unknown
PEER: Final = "peer"  # the other residue node of a pair

NAME_CLASS: Final = "name_class"
TOKENS: Final = "tokens"  # each token with its rarity class in front: the greatest of an intersection is the rarest
COMPACT: Final = "compact"
DATE_NUMBER: Final = "date_number"  # yyyymmdd
VILLAGE: Final = "village"
DISTRICT: Final = "district"
REGENCY: Final = "regency"
PROVINCE: Final = "province"
HOUSEHOLD_KKS: Final = "household_kks"  # family cards of the record and of its housemates' registry rows
CLUSTER: Final = "cluster"
CLUSTER_RECORD: Final = "cluster_record"  # record whose id names the cluster
