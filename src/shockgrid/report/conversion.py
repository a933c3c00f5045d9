"""``sg.convert_debts``: forced conversion of debts, as a plan and as the accounts after it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from shockgrid.accounts.balance_changes import with_balance_changes
from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.market.market import Market
from shockgrid.numerics.ordering import place_in_group
from shockgrid.report.borrowing import debts_of
from shockgrid.report.frame_files import write_frames
from shockgrid.report.margin import margin
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.auto_borrow import Debts
from shockgrid.venues.okx.conversion import Assets, BuyBacks, Trades, plan_conversion
from shockgrid.venues.okx.rulebook import Rulebook
from shockgrid.venues.okx.sale_order import first_discount_rates, sale_order

REASONS = ("above the interest-free quota", "near the borrow limit")


@dataclass(frozen=True, repr=False)
class ConversionReport:
    """Forced conversions of a set of accounts.

    Attributes:
        before: The accounts' margin before.
        debts: Theirs before.
        trades: What is sold and bought.
        after: The accounts after.
    """

    before: MarginReport
    debts: Debts
    trades: Trades
    after: Accounts

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row a trade, in order.

        Columns ``account, step, sold_currency, sold_amount, bought_currency, bought_amount, value_usd, fee_usd,
        slippage_usd, reason``; ``value_usd`` is that of what is sold, and less both costs that of what is bought.
        """
        t, currencies = self.trades, np.array(self.before.market.universe.currencies, object)
        step = place_in_group(t.account)
        reason = np.array(REASONS, object)[self.before.inputs.auto_borrow[t.account].astype(int)]
        return pd.DataFrame(
            {
                "account": pd.Series(self.before.inputs.ids[t.account], dtype="str"),
                "step": step + 1,
                "sold_currency": pd.Series(currencies[t.sold], dtype="str"),
                "sold_amount": t.sold_amount,
                "bought_currency": pd.Series(currencies[t.bought], dtype="str"),
                "bought_amount": t.bought_amount,
                "value_usd": t.value_usd,
                "fee_usd": t.fee_usd,
                "slippage_usd": t.slippage_usd,
                "reason": pd.Series(reason, dtype="str"),
            }
        )

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account that must convert.

        Columns ``account, to_convert_usd, converted_usd, unconverted_usd, fee_usd, slippage_usd, trades``; what its
        assets could not buy back stays a debt, ``unconverted_usd``.
        """
        rows, t, n = self.before.rows, self.trades, len(self.before.inputs)
        price = self.before.market.snapshot.index_usd
        wanted = np.bincount(rows.currency_account, self.debts.to_convert * price[rows.currency], minlength=n)

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(t.account, values, minlength=n)[wanted > 0]

        bought, wanted_usd = total(t.bought_amount * price[t.bought]), wanted[wanted > 0]
        return pd.DataFrame(
            {
                "account": pd.Series(self.before.inputs.ids[wanted > 0], dtype="str"),
                "to_convert_usd": wanted_usd,
                "converted_usd": bought,
                # A debt that is covered differs from what is bought by rounding.
                "unconverted_usd": np.where(wanted_usd - bought > 1e-9 * wanted_usd, wanted_usd - bought, 0.0),
                "fee_usd": total(t.fee_usd),
                "slippage_usd": total(t.slippage_usd),
                "trades": total(np.ones(len(t.account))).astype(int),
            }
        )

    @property
    def manifest(self) -> dict[str, object]:
        """What the plan rests on: that of the margin before."""
        return self.before.manifest | {"kind": "shockgrid.conversion_report/1"}

    def __repr__(self) -> str:
        n, rules = len(self.before.inputs), self.before.rules.name
        return f"ConversionReport({len(self.accounts)} of {n} accounts, {len(self.trades.account)} trades, {rules})"

    def save(self, path: str | Path) -> None:
        """Write ``steps`` and ``accounts`` as Parquet and a manifest as JSON into a folder.

        Raises:
            InputError: The path cannot be made a folder.
        """
        write_frames(path, {"steps": self.steps, "accounts": self.accounts}, self.manifest)

    def to_json(self) -> str:
        """The manifest and the frames as one JSON document."""
        frames = {name: json.loads(getattr(self, name).to_json(orient="records")) for name in ("accounts", "steps")}
        return json.dumps({"manifest": self.manifest, **frames}, indent=2)


def convert_debts(market: Market, accounts: Accounts, rules: Rulebook) -> ConversionReport:
    """Convert the debts that the rules no longer let stand, once.

    Without auto-borrow a debt above the interest-free quota is bought back to below it; with auto-borrow one near the
    account's borrow limit. The assets that are sold, in order: higher discount rates first, then USDT, USDC and USD,
    then coins by the volume of their contracts (``volume_24h_usd``), then by name. What is frozen for orders is sold
    too: orders that stand in the way are taken to be cancelled.

    Args:
        market: Prices, and volumes where it has them.
        accounts: As of the market's time.
        rules: Quotas, discount rates, costs.

    Returns:
        The plan and the accounts after it.

    Raises:
        InputError: An account that must convert and has nothing to sell; otherwise as for ``margin``.
    """
    report = margin(market, accounts, rules)
    owed = debts_of(report)
    assets, buy_backs = _assets(report), _buy_backs(report, owed)
    _require_assets(accounts, market, assets, buy_backs)
    trades = plan_conversion(
        assets, buy_backs, float(rules["conversion.fee_frac"]), float(rules["conversion.slippage_frac"])
    )
    return ConversionReport(report, owed, trades, _after(accounts, market, trades))


def _assets(report: MarginReport) -> Assets:
    """What each account could sell, in the order of sale."""
    rows, figures = report.rows, report.result.currencies
    rates = first_discount_rates(report.market, report.rules)
    # Never more than is held, and not what unrealised losses in the currency have already lost.
    amount = np.maximum(np.minimum(rows.currencies.balance, figures.equity), 0.0)
    order = np.argsort(sale_order(report.market, report.rules))[rows.currency]
    entry = np.flatnonzero((amount > 0) & (rates[rows.currency] > 0))
    entry = entry[np.lexsort((order[entry], rows.currency_account[entry]))]
    return Assets(rows.currency_account[entry], rows.currency[entry], amount[entry], *_prices(report, entry))


def _buy_backs(report: MarginReport, owed: Debts) -> BuyBacks:
    """What each account must buy back, the largest in USD first."""
    rows = report.rows
    entry = np.flatnonzero(owed.to_convert > 0)
    value = owed.to_convert[entry] * report.market.snapshot.index_usd[rows.currency[entry]]
    entry = entry[np.lexsort((rows.currency[entry], -value, rows.currency_account[entry]))]
    account, currency = rows.currency_account[entry], rows.currency[entry]
    return BuyBacks(account, currency, owed.to_convert[entry], *_prices(report, entry))


def _prices(report: MarginReport, entry: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    currency, names = report.rows.currency[entry], report.market.universe.currencies
    is_usdt = np.array([name == "USDT" for name in names])
    return report.market.snapshot.index_usd[currency], is_usdt[currency]


def _require_assets(accounts: Accounts, market: Market, assets: Assets, buy_backs: BuyBacks) -> None:
    without = ~np.isin(buy_backs.account, assets.account)
    if without.any():
        i = int(np.argmax(without))
        name, amount = market.universe.currencies[buy_backs.currency[i]], buy_backs.amount[i]
        where = accounts.source.locate("accounts", int(buy_backs.account[i]), "balances")
        who = accounts.ids[buy_backs.account[i]]
        expected = f"something to sell for {amount:,.8g} {name} that must be bought back"
        raise InputError(accounts.source.file, where, expected, f"nothing (account {who!r})")


def _after(accounts: Accounts, market: Market, trades: Trades) -> Accounts:
    names = market.universe.currencies
    return with_balance_changes(
        accounts,
        np.concatenate([trades.account, trades.account]),
        [names[c] for c in (*trades.sold, *trades.bought)],
        amount=np.concatenate([-trades.sold_amount, trades.bought_amount]),
        accrued_interest=np.zeros(2 * len(trades.account)),
    )
