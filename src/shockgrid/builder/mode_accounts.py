"""What accounts need in multi-currency mode, and whether they may switch to it and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shockgrid.accounts.book import POSITIONS
from shockgrid.builder.debt_rates import debt_rates
from shockgrid.report.margin_report import MarginReport
from shockgrid.venues.okx.margin import required_usd
from shockgrid.venues.okx.modes.position_margin import Holdings, PositionMargin
from shockgrid.venues.okx.modes.precheck import debt_to_repay, switch_code


@dataclass(frozen=True)
class AccountFigures:
    """Of every account; the names are those of ``ModeComparison.accounts``.

    Attributes:
        leverage_unset: Whether it holds a perpetual or future without a leverage.
        repay: ``[currency row]`` what must be repaid before a switch, in the currency.
        enters_pm: Whether an account in the mode could enter portfolio margin.
        below_ratio: Whether after repayment the margin ratio would be at the level of liquidation.
    """

    derivatives_mmr_usd: np.ndarray
    borrow_mmr_usd: np.ndarray
    mmr_usd: np.ndarray
    derivatives_imr_usd: np.ndarray
    borrow_imr_usd: np.ndarray
    imr_usd: np.ndarray
    margin_ratio: np.ndarray
    repay_usd: np.ndarray
    required_usd: np.ndarray
    least_required_usd: np.ndarray
    shortfall_usd: np.ndarray
    s_code: np.ndarray
    leverage_unset: np.ndarray
    repay: np.ndarray
    below_ratio: np.ndarray
    enters_pm: np.ndarray


@dataclass(frozen=True)
class _Debt:
    """Debts of accounts: what is owed, and its margin, in USD."""

    liability: np.ndarray
    mmr: np.ndarray
    imr: np.ndarray


def account_figures(
    report: MarginReport,
    holdings: Holdings,
    margin: PositionMargin,
    least: PositionMargin,
    leverage: np.ndarray,
) -> AccountFigures:
    """Add up positions and debts, and check the switch.

    Args:
        report: In portfolio margin: equity, haircuts and the margin of debts are the same in both modes.
        holdings: Whose margin it is.
        margin: At the leverage set.
        least: At the highest leverage that each tier allows.
        leverage: ``[instrument]`` NaN where none is set.
    """
    n, frame = len(report.inputs), report.accounts
    equity = frame["equity_usd"].to_numpy(float)
    mmr = _totals(holdings.account, margin.mmr_usd, n)
    imr, least_imr = (_totals(holdings.account, m.imr_usd + m.order_imr_usd, n) for m in (margin, least))
    now = _Debt(*(frame[name].to_numpy(float) for name in ("liability_usd", "borrow_mmr_usd", "borrow_imr_usd")))
    repay = _to_repay(report)
    after, repay_usd = _after_repaying(report, repay, now)
    required = imr + after.imr
    below = _ratio(report, equity, mmr, after) <= float(report.rules["ratio.liquidation"])
    unset = _without_leverage(report, holdings, leverage)
    return AccountFigures(
        derivatives_mmr_usd=mmr,
        borrow_mmr_usd=now.mmr,
        mmr_usd=mmr + now.mmr,
        derivatives_imr_usd=imr,
        borrow_imr_usd=now.imr,
        imr_usd=imr + now.imr,
        margin_ratio=_ratio(report, equity, mmr, now),
        repay_usd=repay_usd,
        required_usd=required,
        least_required_usd=least_imr + after.imr,
        shortfall_usd=np.maximum(required - equity, 0.0),
        s_code=switch_code(repay_usd > 0, unset, (equity < required) | below),
        leverage_unset=unset,
        repay=repay,
        below_ratio=below,
        enters_pm=frame["eligible"].to_numpy(bool)
        & (frame["margin_ratio"].to_numpy(float) > float(report.rules["ratio.liquidation"])),
    )


def _totals(account: np.ndarray, amounts: np.ndarray, n: int) -> np.ndarray:
    """Of each of ``n`` accounts; of no rows NumPy would make whole numbers."""
    return np.bincount(account, amounts, minlength=n).astype(float)


def _ratio(report: MarginReport, equity: np.ndarray, derivatives_mmr: np.ndarray, debt: _Debt) -> np.ndarray:
    """Adjusted equity over maintenance margin and the fee on debts, as in portfolio margin (section 10.4)."""
    fee = float(report.rules["ratio.liability_fee"])
    required = required_usd(derivatives_mmr + debt.mmr, debt.liability, debt.mmr, fee)
    return np.where(required > 0, equity / np.where(required > 0, required, 1.0), np.inf)


def _without_leverage(report: MarginReport, holdings: Holdings, leverage: np.ndarray) -> np.ndarray:
    """Accounts that hold a perpetual or future without a leverage."""
    needs = ~report.market.universe.contracts.is_option & np.isnan(leverage)
    lacking = needs[holdings.instrument] & (holdings.quantity[POSITIONS] != 0)
    return np.bincount(holdings.account[lacking], minlength=len(report.inputs)) > 0


def _to_repay(report: MarginReport) -> np.ndarray:
    """``[currency row]`` debt that the mode does not permit, in the currency."""
    owed = report.currencies
    liability, limit, quota = (owed[name].to_numpy(float) for name in ("liability", "borrow_limit", "free_quota"))
    return debt_to_repay(liability, report.inputs.auto_borrow[report.rows.currency_account], limit, quota)


def _after_repaying(report: MarginReport, repay: np.ndarray, now: _Debt) -> tuple[_Debt, np.ndarray]:
    """Debts that are left, and what is repaid in USD.

    Adjusted equity is taken to stay: what is sold to repay counts for no more than the debt that it ends.
    """
    rows, owed, n = report.rows, report.currencies, len(report.inputs)
    row = np.flatnonzero(repay > 0)
    repaid, account, currency = repay[row], rows.currency_account[row], rows.currency[row]
    price = report.market.snapshot.index_usd[currency]
    equity, frozen, mmr, imr = (owed[k].to_numpy(float)[row] for k in ("equity", "frozen", "mmr_usd", "imr_usd"))
    left, potential = np.maximum(-equity - repaid, 0.0), np.maximum(frozen - equity - repaid, 0.0)
    mmr_rate, imr_rate = debt_rates(report, currency, left)[0], debt_rates(report, currency, potential)[1]
    saved = _Debt(repaid * price, mmr - left * price * mmr_rate, imr - potential * price * imr_rate)
    by_account = [_totals(account, part, n) for part in (saved.liability, saved.mmr, saved.imr)]
    return _Debt(now.liability - by_account[0], now.mmr - by_account[1], now.imr - by_account[2]), by_account[0]
