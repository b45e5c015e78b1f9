"""Slots: who gets the next one."""

from __future__ import annotations

from tap_servicetitan.client.slots import MAX_SLOTS_FACTOR, Slots


def queued(slots: Slots, *tenant_ids: str) -> list[str]:
    """Queue for a slot for each of these tenants; return the list of those that get one, which grows."""
    got: list[str] = []
    for tenant_id in tenant_ids:
        slots.call_with_slot(tenant_id, lambda tenant_id=tenant_id: got.append(tenant_id))  # type: ignore[misc]  # the default binds the loop variable
    return got


def give_back(slots: Slots, tenant_id: str) -> None:
    """Give back a slot of a tenant."""
    slots.adopt(tenant_id)
    slots.give_back()


def test_slot_goes_to_the_tenant_with_the_fewest_and_then_to_the_longest_without() -> None:
    slots = Slots(2)
    got = queued(slots, *"aaaabbcc")
    assert got == ["a", "a"]

    for tenant_id in "aabcab":
        give_back(slots, tenant_id)

    assert "".join(got) == "aabcabca"


def test_slot_is_kept_until_it_is_given_back() -> None:
    slots = Slots(1)
    with slots.held("a"):
        got = queued(slots, "b")
        with slots.held("a"):
            pass
        assert (slots.tenant, got) == ("a", [])

    assert (slots.tenant, got) == (None, ["b"])


def test_slot_is_free_for_others_while_its_thread_waits() -> None:
    slots = Slots(1)
    with slots.held("a"):
        with slots.released():
            assert queued(slots, "b") == ["b"]
            give_back(slots, "b")
        assert queued(slots, "b") == []


def test_slots_of_a_tenant_without_an_answer_do_not_count() -> None:
    slots = Slots(2, hang_seconds=0)
    bad = queued(slots, "bad", "bad", "bad")
    for _ in bad:
        slots.request_started("bad")
    got = queued(slots, "good", "good", "good")

    assert (bad, got) == (["bad", "bad"], ["good", "good"])
    for _ in bad[:]:
        slots.request_ended("bad", served=False)
        give_back(slots, "bad")
    assert bad == ["bad", "bad", "bad"]  # one at a time, beside the others
    assert queued(slots, "bad") == []


def test_tenant_that_is_served_again_counts_again() -> None:
    slots = Slots(1)
    slots.request_started("a")
    slots.request_ended("a", served=False)
    got = queued(slots, "a", "b")
    slots.request_started("a")
    assert got == ["a"]
    slots.poll()
    assert got == ["a", "b"]

    slots.request_ended("a", served=True)
    assert queued(slots, "c") == []


def test_slots_are_bounded_however_many_tenants_get_no_answer() -> None:
    slots = Slots(2)
    names = [str(number) for number in range(50)]
    for name in names:
        slots.request_started(name)
        slots.request_ended(name, served=False)

    got = queued(slots, *names)
    for name in got:
        slots.request_started(name)

    assert got == names[: 2 * MAX_SLOTS_FACTOR]
    assert queued(slots, "good", "good", "good") == ["good", "good"]
