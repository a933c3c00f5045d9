"""Whether an account may switch its mode: what it must repay first, and the code of the precheck's reply.

okx_portfolio_margin.md section 19; the codes are those of OKX's API documents.
"""

from __future__ import annotations

import numpy as np

from shockgrid.numerics.shapes import Bool, Float, Int

MAY_SWITCH, UNMATCHED, LEVERAGE_UNSET, MARGIN_SHORT = 0, 1, 3, 4
"""``sCode``: may switch; something unmatched, such as borrowings; leverage must be set; margin insufficient."""


def debt_to_repay(
    liability: Float[np.ndarray, " row"],
    auto_borrow: Bool[np.ndarray, " row"],
    borrow_limit: Float[np.ndarray, " row"],
    free_quota: Float[np.ndarray, " row"],
) -> Float[np.ndarray, " row"]:
    """The part of debts that multi-currency mode does not permit, in the currency.

    With auto-borrow that beyond the user's limit, without it that beyond the interest-free quota: above it OKX forces
    repayment (section 11). Reading those two as what the mode permits is modelled.

    Args:
        liability: Debt of each account and currency, not negative.
        auto_borrow: Whether its account borrows by itself.
        borrow_limit: Set by its user, infinite if none is.
        free_quota: Free of interest.
    """
    return np.maximum(liability - np.where(auto_borrow, borrow_limit, free_quota), 0.0)


def switch_code(
    unmatched: Bool[np.ndarray, " account"],
    leverage_unset: Bool[np.ndarray, " account"],
    margin_short: Bool[np.ndarray, " account"],
) -> Int[np.ndarray, " account"]:
    """The reply's code: of several obstacles the one that OKX looks at first.

    Its replies show no margin until nothing is unmatched and leverage is set, so these come first (inferred).
    """
    code = np.where(margin_short, MARGIN_SHORT, MAY_SWITCH)
    code = np.where(leverage_unset, LEVERAGE_UNSET, code)
    return np.where(unmatched, UNMATCHED, code)
