"""Cost so far: minutes, disk and transfer, from the shipped table."""

import re

import pytest

from pipeline_project.adapters.instances.cost import Prices, shipped_prices

PRICES = Prices(
    date="2030-01",
    instance_hour_usd={"here": {"box": 1.2}},
    disk_gb_month_usd={"here": 0.073},
    transfer_out_gb_usd={"here": 0.09},
)


def test_hours_disk_and_transfer_add_up():
    box = PRICES.cost(region="here", instance_type="box", running_s=5_400, disk_gb=100)
    cost = box.with_transfer(6_000_000_000).with_transfer(4_000_000_000)
    assert cost.parts == pytest.approx({"instance": 1.8, "disk": 0.015, "transfer": 0.9})
    assert cost.usd == pytest.approx(2.715)
    assert cost.usd_per_hour == pytest.approx(1.21)
    assert str(cost) == "about $2.71 (box in here, 90 min at list prices as of 2030-01, unchecked)"


def test_a_minute_is_the_least_that_is_charged():
    assert PRICES.cost(region="here", instance_type="box", running_s=1).usd == pytest.approx(0.02)
    assert PRICES.cost(region="here", instance_type="box", running_s=0).usd == 0


def test_a_type_that_the_table_does_not_know_is_told_and_costs_no_guess():
    cost = PRICES.cost(region="there", instance_type="box", running_s=60)
    assert (cost.usd, cost.usd_per_hour) == (None, None)
    assert "no price of box in there" in str(cost)
    assert cost.with_transfer(1_000) == cost


def test_the_shipped_table_has_a_date_and_plausible_prices():
    prices = shipped_prices()
    assert re.fullmatch(r"\d{4}-\d{2}", prices.date)
    for region, types in prices.instance_hour_usd.items():
        assert {"g4dn.xlarge", "g5.xlarge"} <= set(types)
        assert all(0.1 < usd < 50 for usd in types.values())
        assert 0 < prices.disk_gb_month_usd[region] < 1
        assert 0 < prices.transfer_out_gb_usd[region] < 1
