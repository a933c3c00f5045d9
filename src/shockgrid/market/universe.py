"""The instruments of a market: what each contract is, apart from any price.

``Contracts`` is what kernels see: arrays, no strings. ``Universe`` adds the names, on the host.
Instruments are sorted by coin, then tenor, then id, so that the positions of an account fall into runs of one coin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import numpy as np

from shockgrid.numerics.shapes import AnyArray, Bool, Float, Int

Kind = Literal["perpetual", "future", "option"]
KINDS: tuple[Kind, ...] = ("perpetual", "future", "option")

DENOMINATIONS = ("USDT", "USDC", "USD")
"""Quote currencies of linear contracts; coin-settled contracts count as USD (okx_computation.md section 1)."""

PERPETUAL_TENOR = 0
"""Every coin's first tenor slot holds its perpetuals; slots 1, 2, ... its expiries in order of time."""

INVERSE_VALUE, OPTION_VALUE, LINEAR_VALUE = 0, 1, 2
N_VALUES = LINEAR_VALUE + len(DENOMINATIONS)
"""Where a contract's value is booked: in its coin (inverse), its coin (options), then USDT, USDC, USD (linear)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Contracts:
    """Terms of every contract, as arrays.

    Attributes:
        coin: Index into ``Universe.coins``.
        settle: Index into ``Universe.currencies`` of the settlement currency.
        denomination: Index into ``DENOMINATIONS``.
        value_slot: Where the contract's value is booked, see ``N_VALUES``.
        tenor: Slot of the contract's expiry among those of its coin; 0 for perpetuals.
        is_option, is_inverse, is_call: What the contract is; an option is never inverse.
        contract_value: Coin per contract, for inverse contracts USD per contract.
        strike: USD; 1 where there is none.
        coin_currency: Index into ``Universe.currencies`` of each coin.
        denomination_currency: Index into ``Universe.currencies`` of each of ``DENOMINATIONS``, -1 where not listed.
    """

    coin: Int[AnyArray, " instrument"]
    settle: Int[AnyArray, " instrument"]
    denomination: Int[AnyArray, " instrument"]
    value_slot: Int[AnyArray, " instrument"]
    tenor: Int[AnyArray, " instrument"]
    is_option: Bool[AnyArray, " instrument"]
    is_inverse: Bool[AnyArray, " instrument"]
    is_call: Bool[AnyArray, " instrument"]
    contract_value: Float[AnyArray, " instrument"]
    strike: Float[AnyArray, " instrument"]
    coin_currency: Int[AnyArray, " coin"]
    denomination_currency: Int[AnyArray, " denomination"]


@dataclass(frozen=True)
class Universe:
    """Names of instruments, coins and currencies, and the terms of the contracts (NumPy arrays).

    Attributes:
        ids: Instrument ids, in the order of every instrument axis.
        kinds: Index into ``KINDS``, by instrument.
        expiry: Expiry of every instrument, UTC, ``NaT`` for perpetuals.
        coins: Underlyings, sorted: the risk units of rule version 2.
        currencies: Everything with an index price in USD, sorted; coins among them.
        tenors: ``[coin, tenor]`` expiry of each tenor slot, ``NaT`` in the perpetual slot and where a coin has fewer.
        contracts: The terms.
    """

    ids: np.ndarray
    kinds: np.ndarray
    expiry: np.ndarray
    coins: tuple[str, ...]
    currencies: tuple[str, ...]
    tenors: np.ndarray
    contracts: Contracts

    def __len__(self) -> int:
        return len(self.ids)
