"""``report.explain``: the margin of one account in words and tables that add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.console import Group
from rich.text import Text

from shockgrid.market.clock import time_text
from shockgrid.report.contributions import account_place
from shockgrid.report.distance import Distance, LevelDistance, margin_distance
from shockgrid.report.explain_currencies import borrowing_section, currency_lines, equity_section
from shockgrid.report.explain_layout import Money, Section, Table
from shockgrid.report.explain_modelled import modelled_section
from shockgrid.report.explain_unit import label, scenario_words, unit_section, units_of, worst_move
from shockgrid.report.margin_report import MarginReport
from shockgrid.report.margin_summary import STATUS_STYLE

N_UNITS = 6
"""Units explained one by one, the largest; the sum names the others together."""


_WORST_BOOK = {
    "three_books": "its worst of three books, no orders filled, all buys filled, all sells filled",
    "every_subset": "the worst that filling any of its orders could do",
}


@dataclass(frozen=True, repr=False)
class Explanation:
    """The margin of one account; prints as text, as Markdown in notebooks, and on a rich console.

    Attributes:
        account, status: Which account, and ``safe``, ``warning`` or ``liquidation``.
        heading: Lines on top.
        sections: Everything else.
        distance: How far the account is from warning and liquidation, as numbers.
    """

    account: str
    status: str
    heading: tuple[str, ...]
    sections: tuple[Section, ...]
    distance: Distance

    def __str__(self) -> str:
        blocks = [list(self.heading), *(section.plain() for section in self.sections)]
        return "\n\n".join("\n".join(block) for block in blocks)

    def __repr__(self) -> str:
        return f"Explanation({self.account}, {self.status})"

    def __rich__(self) -> Group:
        title = Text(self.heading[0], style=f"bold {STATUS_STYLE[self.status].removeprefix('bold ')}")
        lines = [Text(line) for line in self.heading[1:]]
        return Group(title, *lines, Text(), *(section.rich() for section in self.sections))

    @property
    def markdown(self) -> str:
        """Markdown with pipe tables."""
        lines = [f"## {self.heading[0]}", "", *(part for line in self.heading[1:] for part in (line, ""))]
        return "\n".join([*lines, *(line for section in self.sections for line in section.markdown())])

    def _repr_markdown_(self) -> str:
        return self.markdown


def explain(report: MarginReport, account: str) -> Explanation:
    """Explain the margin of one account.

    Args:
        report: From ``margin``.
        account: Its id.

    Raises:
        InputError: An account that the report does not hold.
    """
    place = account_place(report, account)
    row = {str(k): v for k, v in report.accounts.iloc[place].to_dict().items()}
    money = Money.for_size(max(abs(row[k]) for k in ("equity_usd", "gross_equity_usd", "mmr_usd", "imr_usd")))
    units, lines = units_of(report, account), currency_lines(report, place)
    spot = {line.currency: line for line in lines}
    table, parts = _sum_table(report, row, units, money)
    distance = margin_distance(report, account)
    sections = [
        _sum_section(report, row, units, table, money),
        *(
            unit_section(report, u, x, spot.get(report.coin_of(u["unit"])), money)
            for u, x in zip(units[:N_UNITS], parts, strict=False)
        ),
        borrowing_section(lines, parts[-1], money),
        equity_section(lines, row["equity_usd"], money),
        _initial_section(report, place, row, units, sum(line.imr_usd for line in lines), money),
        _distance_section(distance, money),
        modelled_section(report, units, lines),
    ]
    return Explanation(
        account=account,
        status=row["status"],
        heading=_heading(report, row, money),
        sections=tuple(section for section in sections if section is not None),
        distance=distance,
    )


def _heading(report: MarginReport, row: dict, money: Money) -> tuple[str, ...]:
    return (
        f"{row['account']}: {row['status']}, margin ratio {_ratio(row['margin_ratio'])}",
        f"equity {money(row['equity_usd'])}   maintenance {money(row['mmr_usd'])}   initial {money(row['imr_usd'])}   "
        f"debt {money(row['liability_usd'])} USD",
        f"{report.rules.name}, market of {time_text(report.market.time)}",
    )


def _sum_section(report: MarginReport, row: dict, units: list[dict], table: Table, money: Money) -> Section:
    title = f"Maintenance margin: {money(row['mmr_usd'])} USD"
    if row["mmr_usd"] == 0:
        what = "No debt, and no derivatives" if not units else "No debt, and no risk that is charged"
        return Section(title, (f"{what}: nothing is required, and the ratio is infinite.",))
    return Section(title, (), (table,), (_ratio_sentence(report, row, money),))


def _sum_table(report: MarginReport, row: dict, units: list[dict], money: Money) -> tuple[Table, list[float]]:
    """Units and borrowing down to the account's margin, and their amounts as rounded there, borrowing last."""
    own, others = units[:N_UNITS], units[N_UNITS:]
    names = [f"unit {unit['unit']}" for unit in own] + ([f"{len(others)} other units"] if others else [])
    amounts = [unit["mmr_usd"] for unit in own] + ([sum(unit["mmr_usd"] for unit in others)] if others else [])
    why = [_why(report, unit) for unit in own] + ([", ".join(u["unit"] for u in others[:8])] if others else [])
    names, amounts, why = [*names, "borrowing"], [*amounts, row["borrow_mmr_usd"]], [*why, "MR8"]
    parts = money.split(amounts, row["mmr_usd"])
    share = [f"{amount / max(row['mmr_usd'], 1e-300):.1%}" for amount in amounts]
    cells = list(zip(names, map(money, parts), share, why, strict=True))
    rows = cells if row["borrow_mmr_usd"] > 0 else cells[:-1]
    total = ("maintenance margin", money(row["mmr_usd"]), "", "")
    heading = ("part", "MMR USD", "share", "dominated by")
    return Table(heading, (*rows, total), left=(0, 3), total=True), parts


def _why(report: MarginReport, unit: dict) -> str:
    if unit["dominant"] == "none":
        return "flat"
    words = label(unit["dominant"])
    if unit["dominant"] == "mr1":
        # Of a book without options volatility changes nothing; its vega says so.
        return f"{words}: {scenario_words(report.coin_of(unit['unit']), unit, unit['vega_usd'] != 0)}"
    if unit["dominant"] in ("mr3", "mr4", "mr5", "mr9"):
        return f"{words}, on top of {worst_move(unit).upper()}"
    return words


def _ratio_sentence(report: MarginReport, row: dict, money: Money) -> str:
    owed = row["liability_usd"] + row["borrow_mmr_usd"]
    required = money(row["mmr_usd"])
    if owed > 0:
        fee = float(report.rules["ratio.liability_fee"])
        required = f"({required} + {fee:.3g} x {money(owed)} of debt and its margin)"
    return f"ratio = equity {money(row['equity_usd'])} / {required} = {_ratio(row['margin_ratio'])}"


def _initial_section(
    report: MarginReport, place: int, row: dict, units: list[dict], borrow_imr_usd: float, money: Money
) -> Section | None:
    """Initial margin with and without open orders; None where there is none."""
    n_orders = int(np.sum(report.inputs.orders.account == place))
    orders = f"{n_orders:,} open order{'s' * (n_orders != 1)}"
    multiple = float(report.rules["imr.multiple"])
    title = f"Initial margin: {money(row['imr_usd'])} USD"
    if row["imr_usd"] == 0:
        return Section(title, (f"{orders}, which add nothing to it.",)) if n_orders else None
    formula = f"{multiple:g} times the maintenance margin of each unit, and borrowing at its initial rate."
    before = [multiple * unit["mmr_usd"] for unit in units] + [borrow_imr_usd]
    after = [unit["imr_usd"] for unit in units] + [row["borrow_imr_usd"]]
    added = row["imr_usd"] - sum(before)
    if n_orders == 0 or added <= 1e-9 * row["imr_usd"]:
        tail = f" {orders}, adding nothing." if n_orders else " No open orders."
        return Section(title, (formula + tail,))
    names = [f"unit {unit['unit']}" for unit in units] + ["borrowing"]
    start, end = money.split(before, sum(before)), money.split(after, row["imr_usd"])
    rows = [(n, money(a), money(b - a), money(b)) for n, a, b in zip(names, start, end, strict=True)]
    total = ("initial margin", money(sum(start)), money(sum(end) - sum(start)), money(sum(end)))
    table = Table(("part", "positions USD", "orders add", "initial USD"), (*rows, total), total=True)
    words = f"{orders} could add {money(sum(end) - sum(start))}: each unit counts {_WORST_BOOK[report.orders]}."
    return Section(title, (formula, words), (table,))


def _distance_section(distance: Distance, money: Money) -> Section:
    levels = {"warning": distance.warning, "liquidation": distance.liquidation}
    title = "Distance to warning and liquidation"
    if distance.warning.equity_usd is None:
        sentences = ["Nothing is required, so there is none in equity."]
    else:
        sentences = [_equity_sentence(name, level, money) for name, level in levels.items()]
    rows, without = [], []
    for i, price in enumerate(distance.warning.prices):
        crossed = [(name, level.prices[i]) for name, level in levels.items()]
        crossed = [(name, at) for name, at in crossed if at.down is not None or at.up is not None]
        rows += [
            (price.currency, _price(at.price_usd), name, _move(at.price_usd, at.down), _move(at.price_usd, at.up))
            for name, at in crossed
        ]
        if not crossed:
            without.append(price.currency)
    table = Table(("price of", "today", "crosses", "falling to", "rising to"), tuple(rows), left=(0, 2))
    after = []
    if rows:
        after.append("The nearest price at which the ratio crosses the level, other prices and volatility held.")
    if without:
        names = ", ".join(without[:12]) + (f" and {len(without) - 12} more" if len(without) > 12 else "")
        after.append(f"No move between -90% and +100% crosses either level: {names}.")
    return Section(title, tuple(sentences), (table,) if rows else (), tuple(after))


def _equity_sentence(name: str, level: LevelDistance, money: Money) -> str:
    usd = level.equity_usd or 0.0
    if usd < 0:
        return f"{name} (ratio {level.ratio:.0%}): reached, {money(-usd)} USD of equity are missing"
    return f"{name} (ratio {level.ratio:.0%}): after a loss of {money(usd)} USD of equity, margin held"


def _move(price_usd: float, move: float | None) -> str:
    return "" if move is None else f"{_price(price_usd * (1 + move))} ({move:+.2%})"


def _price(value: float) -> str:
    return f"{value:,.0f}" if value >= 10_000 else f"{value:,.5g}"


def _ratio(value: float) -> str:
    if value == float("inf"):
        return "∞"
    return f"{value:,.0%}" if abs(value) >= 10 else f"{value:.1%}"
