"""What a rented instance costs: on-demand hours, disk and transfer, from a dated table.

Higher is worse. Figures are list prices before tax and discounts, so an upper bound for whoever
has a savings plan, and a rough guide for spot instances, which cost less.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

HOURS_PER_MONTH = 730.0  # as AWS's own calculator counts


@dataclass(frozen=True, slots=True)
class Cost:
    """What something has cost so far, and how that is known.

    Attributes:
        usd: US dollars; None where the table does not know the type.
        usd_per_hour: what another hour adds.
        parts: the sum's terms by name, US dollars.
        note: where the prices come from, and what is missing.
        transfer_gb_usd: what a gigabyte costs that leaves AWS for the internet.
    """

    usd: float | None
    usd_per_hour: float | None
    parts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    transfer_gb_usd: float = 0.0

    def with_transfer(self, out_bytes: int) -> "Cost":
        """Add what was, or will be, sent from AWS to the internet."""
        if self.usd is None:
            return self
        usd = out_bytes / 1e9 * self.transfer_gb_usd
        parts = {**self.parts, "transfer": self.parts.get("transfer", 0.0) + usd}
        return replace(self, usd=self.usd + usd, parts=parts)

    def __str__(self) -> str:
        """Say it for people."""
        if self.usd is None:
            return f"cost unknown ({self.note})"
        return f"about ${self.usd:.2f} ({self.note})"


@dataclass(frozen=True, slots=True)
class Prices:
    """A price table: US dollars, by region."""

    date: str
    instance_hour_usd: Mapping[str, Mapping[str, float]]
    disk_gb_month_usd: Mapping[str, float]
    transfer_out_gb_usd: Mapping[str, float]

    def cost(
        self,
        *,
        region: str,
        instance_type: str,
        running_s: float,
        disk_gb: float = 0.0,
        usd_per_hour: float | None = None,
    ) -> Cost:
        """Add up an instance's hours and its disks for as long.

        Args:
            region: such as `eu-west-1`.
            instance_type: such as `g4dn.xlarge`.
            running_s: seconds since the instance was started; at least a minute is charged.
            disk_gb: size of its gp3 disks; they cost while it is stopped too, which is not here.
                Traffic between the instance and a bucket of the same region costs nothing.
            usd_per_hour: the instance's own price, where the user knows it; the table's is a
                guide only.
        """
        hour = usd_per_hour or self.instance_hour_usd.get(region, {}).get(instance_type)
        if hour is None:
            return Cost(
                None,
                None,
                note=f"no price of {instance_type} in {region} is known here; set aws.usd_per_hour",
            )
        hours = max(running_s, 60.0) / 3600.0 if running_s > 0 else 0.0
        disk_hour = disk_gb * self.disk_gb_month_usd.get(region, 0.0) / HOURS_PER_MONTH
        parts = {"instance": hours * hour, "disk": hours * disk_hour}
        source = "aws.usd_per_hour" if usd_per_hour else f"list prices as of {self.date}, unchecked"
        note = f"{instance_type} in {region}, {hours * 60:.0f} min at {source}"
        out = self.transfer_out_gb_usd.get(region, 0.0)
        return Cost(sum(parts.values()), hour + disk_hour, parts, note, out)


@cache
def shipped_prices() -> Prices:
    """Read the table that comes with the program."""
    text = (files("pipeline_project.adapters.instances") / "prices.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return Prices(
        date=table["date"],
        instance_hour_usd=table["instance_hour_usd"],
        disk_gb_month_usd=table["disk_gb_month_usd"],
        transfer_out_gb_usd=table["transfer_out_gb_usd"],
    )
