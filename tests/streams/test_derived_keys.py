"""Key fields that the tap makes of values inside a record."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from helpers.support import TABLE

from tap_servicetitan.streams.derived_keys import with_derived_keys


def business_units(ids: Any) -> str:
    (record,) = with_derived_keys(TABLE["capacities"], [{"businessUnitIds": ids}])
    assert isinstance(record["businessUnits"], str)
    return record["businessUnits"]


def test_order_of_ids_in_the_answer_does_not_change_a_key() -> None:
    assert {business_units(list(ids)) for ids in permutations([20, 3, 100])} == {"3,20,100"}


@pytest.mark.parametrize(
    ("ids", "key"),
    [([], ""), (None, ""), ([None, 5, 4], "4,5"), (["10", 9], "9,10"), ([2**63 - 1, 7, 7], "7,9223372036854775807")],
)
def test_key_of_ids_is_made_of_any_list(ids: Any, key: str) -> None:
    assert business_units(ids) == key
