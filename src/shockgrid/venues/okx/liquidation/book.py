"""One account as liquidation sees it: everything it holds or could hedge with, in arrays of one length.

Kernels are written for one account; a batch has an account axis in front of every array.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from shockgrid.numerics.shapes import AnyArray, Bool, Float, Int


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Book:
    """What does not change while an account is liquidated. Padding has unit 0, no rank and cannot be traded.

    Attributes:
        instrument: Of each entry: what is held, and what could hedge it.
        unit: Place of each entry's unit among the account's.
        rank: Order of the entries by instrument id, of the units' spot, and of the units, in which ties are decided.
        present: Whether there is such an entry.
        is_main: The most liquid perpetual or future of its unit.
        is_main_of_denomination: Likewise of its unit and denomination.
        unit_key: Unit of the market of each of the account's.
        spot_currency: Currency whose balance may hedge each unit, -1 for none.
        joined_unit: Place of the account's unit that the spot of each unit's coin joins, -1 for none or itself.
        spot_limit: The most that may hedge, coin.
        quote: The currency that spot is traded against.
    """

    instrument: Int[AnyArray, "*account entry"]
    unit: Int[AnyArray, "*account entry"]
    rank: Int[AnyArray, "*account anchor"]
    present: Bool[AnyArray, "*account entry"]
    is_main: Bool[AnyArray, "*account entry"]
    is_main_of_denomination: Bool[AnyArray, "*account entry"]
    unit_key: Int[AnyArray, "*account unit"]
    spot_currency: Int[AnyArray, "*account unit"]
    joined_unit: Int[AnyArray, "*account unit"]
    spot_limit: Float[AnyArray, "*account unit"]
    quote: Int[AnyArray, "*account"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Holdings:
    """What trades change.

    Attributes:
        quantity: Signed contracts of each entry.
        entry_value: What they were worth when entered, in the settlement currency.
        cash: Balance of each currency of the market, less accrued interest.
    """

    quantity: Float[AnyArray, "*account entry"]
    entry_value: Float[AnyArray, "*account entry"]
    cash: Float[AnyArray, "*account currency"]
