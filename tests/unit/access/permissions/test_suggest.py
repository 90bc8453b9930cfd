import time

from p0_access.permissions.suggest import MAX_COMPARED, did_you_mean, suggest


def test_the_nearest_come_first() -> None:
    known = ["shop.orders", "shop.order_items", "hr.employees"]
    assert suggest("shop.order", known)[0] == "shop.orders"
    assert suggest("orders", known)[0] == "shop.orders"
    assert suggest("shp.ORDERS", known)[0] == "shop.orders"
    assert suggest("zzz", known) == ()


def test_a_hint_for_people() -> None:
    assert did_you_mean("custmers", ["shop.customers"]) == "Did you mean shop.customers?"
    assert did_you_mean("x", []) is None


def test_a_name_in_another_schema_is_found() -> None:
    assert suggest("public.markets", ["enterprise.markets"]) == ("enterprise.markets",)


def test_many_names_take_no_time() -> None:
    known = [f"s{place % 100}.table_{place}" for place in range(MAX_COMPARED * 20)]
    begin = time.process_time()
    assert suggest("s1.tabel_1", known)
    assert time.process_time() - begin < 1
