"""What an account owns and owes by currency: equity, what of it counts, and what borrowing costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.report.explain_layout import Money, Section, Table
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.rule_lookup import rule_tables

N_CURRENCIES = 8


@dataclass(frozen=True)
class CurrencyLine:
    """One currency of an account.

    Attributes:
        currency: Its name.
        equity, without_options: In the currency, with and without the value of options.
        usd, counted_usd: Equity in USD, plain and after haircuts.
        liability_usd, rate, mmr_usd: What is owed, its maintenance rate and margin.
        imr_usd: Initial margin of what is owed, without orders.
        interest_usd: Interest of an hour.
        to_convert_usd: What must be bought back by forced conversion.
    """

    currency: str
    equity: float
    without_options: float
    usd: float
    counted_usd: float
    liability_usd: float
    rate: float
    mmr_usd: float
    imr_usd: float
    interest_usd: float
    to_convert_usd: float


def currency_lines(report: MarginReport, place: int) -> list[CurrencyLine]:
    """Every currency in which the account has or owes something, the largest first."""
    rows, figures, frame = report.rows, report.result.currencies, report.currencies
    first, last = np.searchsorted(rows.currency_account, [place, place + 1])
    lines = [
        _line(
            report,
            int(rows.currency[r]),
            figures.equity[r],
            figures.without_options[r],
            float(frame["interest_per_hour"].to_numpy(float)[r]),
            float(frame["to_convert"].to_numpy(float)[r]),
        )
        for r in range(first, last)
        if figures.equity[r] != 0 or figures.without_options[r] != 0
    ]
    return sorted(lines, key=lambda line: -abs(line.usd))


def _line(
    report: MarginReport, currency: int, equity: float, without_options: float, interest: float, to_convert: float
) -> CurrencyLine:
    name = report.market.universe.currencies[currency]
    rules = rule_tables(report.rules, [""], [name])
    tables, price = rules.currencies, float(report.market.snapshot.index_usd[currency])
    usd, owed = equity * price, max(-equity, 0.0)
    upper = tables.haircut_upper[0]
    lower = np.append(0.0, upper[:-1])
    # Padding tiers lie between two infinities.
    slices = np.where(usd > lower, np.minimum(usd, upper) - np.minimum(lower, max(usd, 0.0)), 0.0)
    tiers = tables.borrow_upper[0]
    tier = min(int(np.sum(owed > tiers)), len(tiers) - 1)
    beyond = owed - tiers[-1] if owed > tiers[-1] else 0.0
    extra = float(rules.borrow_step_rate) * np.ceil(beyond / tables.borrow_step[0])
    rates = (float(table[0, tier]) + float(extra) for table in (tables.borrow_mmr, tables.borrow_imr))
    mmr_rate, imr_rate = (min(rate, float(rules.borrow_rate_cap)) for rate in rates)
    return CurrencyLine(
        currency=name,
        equity=float(equity),
        without_options=float(without_options),
        usd=float(usd),
        counted_usd=float(usd if usd < 0 else np.sum(tables.haircut_rate[0] * slices)),
        liability_usd=owed * price,
        rate=mmr_rate if owed > 0 else 0.0,
        mmr_usd=owed * price * mmr_rate,
        imr_usd=owed * price * imr_rate,
        interest_usd=interest * price,
        to_convert_usd=to_convert * price,
    )


def borrowing_section(lines: list[CurrencyLine], borrow_mmr_usd: float, money: Money) -> Section | None:
    """What is owed in each currency and what that costs; None without debt."""
    owed = [line for line in lines if line.liability_usd > 0]
    if not owed:
        return None
    shown, rest = _split(owed)
    names = [line.currency for line in shown] + ([f"{len(rest)} others"] if rest else [])
    mmr = [line.mmr_usd for line in shown] + ([sum(line.mmr_usd for line in rest)] if rest else [])
    debt = [line.liability_usd for line in shown] + ([sum(line.liability_usd for line in rest)] if rest else [])
    amounts = [f"{-line.equity:,.8g}" for line in shown] + ([""] if rest else [])
    rates = [f"{100 * line.rate:.3g}%" for line in shown] + ([""] if rest else [])
    total_debt = sum(debt)
    columns = [names, amounts, money.parts(debt, total_debt), rates, money.parts(mmr, borrow_mmr_usd)]
    total = ("sum", "", money(total_debt), "", money(borrow_mmr_usd))
    heading = ("owed", "amount", "debt USD", "rate", "MMR USD")
    table = Table(heading, (*zip(*columns, strict=True), total), total=True)
    return Section(
        f"Borrowing (MR8): {money(borrow_mmr_usd)} USD",
        ("The whole debt in a currency takes the maintenance rate of the tier that it falls in.",),
        (table,),
        _interest_words(owed, money),
    )


def _interest_words(owed: list[CurrencyLine], money: Money) -> tuple[str, ...]:
    """What debts cost, and which the exchange would not let stand."""
    interest = sum(line.interest_usd for line in owed)
    words = [f"Interest: {24 * interest:,.6g} USD a day." if interest > 0 else "No interest: within the free quotas."]
    forced = [f"{money(line.to_convert_usd)} USD of {line.currency}" for line in owed if line.to_convert_usd > 0]
    if forced:
        words.append(f"Forced conversion would buy back {', '.join(forced)}.")
    return tuple(words)


def equity_section(lines: list[CurrencyLine], equity_usd: float, money: Money) -> Section:
    """Equity by currency, and what of it counts after haircuts."""
    gross = sum(line.usd for line in lines)
    title = f"Equity: {money(equity_usd)} USD after haircuts, {money(gross)} before"
    if not lines:
        return Section(title, ("No balances and no positions.",))
    shown, rest = _split(lines)
    names = [line.currency for line in shown] + ([f"{len(rest)} others"] if rest else [])
    amounts = [f"{line.equity:,.8g}" for line in shown] + ([""] if rest else [])
    usd = [line.usd for line in shown] + ([sum(line.usd for line in rest)] if rest else [])
    counted = [line.counted_usd for line in shown] + ([sum(line.counted_usd for line in rest)] if rest else [])
    haircut = [f"{100 * (1 - c / u):.3g}%" if u > 0 else "" for c, u in zip(counted, usd, strict=True)]
    columns = [names, amounts, money.parts(usd, gross), haircut, money.parts(counted, equity_usd)]
    total = ("adjusted equity", "", money(gross), "", money(equity_usd))
    heading = ("currency", "equity", "USD", "haircut", "counts USD")
    return Section(title, (), (Table(heading, (*zip(*columns, strict=True), total), total=True),))


def _split(lines: list[CurrencyLine]) -> tuple[list[CurrencyLine], list[CurrencyLine]]:
    n = len(lines) if len(lines) <= N_CURRENCIES + 1 else N_CURRENCIES
    return lines[:n], lines[n:]
