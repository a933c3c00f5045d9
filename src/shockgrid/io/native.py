"""Markets and accounts in the native formats: a JSON file, or a folder of Parquet tables (formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from pathlib import Path

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.io.native_json import read_accounts_json, read_market_json, write_accounts_json, write_market_json
from shockgrid.io.native_parquet import (
    read_accounts_folder,
    read_market_folder,
    write_accounts_folder,
    write_market_folder,
)
from shockgrid.io.option_chain import read_option_chain
from shockgrid.market.market import Market


def read_market(
    path: str | PathLike[str],
    *,
    snapshot: str | datetime | None = None,
    index: Mapping[str, float] | None = None,
    drop_unusable: bool = False,
) -> Market:
    """Read a market.

    Args:
        path: A ``shockgrid.market/1`` file (``.json``), a folder with ``instruments.parquet`` and
            ``index.parquet``, or the Parquet file of an option chain (see ``read_option_chain``).
        snapshot: Which snapshot of an option chain: a UTC time, or a day that has one. Option chains only.
        index: Index prices that an option chain does not give, e.g. ``{"USDT-USD": 0.9998}`` where accounts hold USDT.
            Option chains only.
        drop_unusable: Leave out the options of a chain that have expired or lack a volatility, and say so in
            ``Market.derived``, instead of refusing the file. Option chains only.

    Returns:
        The market. ``Market.derived`` tells what the file did not give and the reader computed.

    Raises:
        InputError: The path does not exist or is none of the three; anything wrong inside, with the place
            (``instruments[3].vol``, ``instruments.parquet row 17 column vol``, ``line 12 column 5``) and what was
            expected there.

    Examples:
        >>> read_market("examples/market.json")  # doctest: +SKIP
        >>> read_market("chains.parquet", snapshot="2021-06-15")  # doctest: +SKIP
    """
    source = _existing(path, "a .json file, a folder of Parquet tables or a .parquet option chain")
    if source.is_file() and source.suffix == ".parquet":
        return read_option_chain(source, snapshot=snapshot, index=index, drop_unusable=drop_unusable)
    for name, given in (("snapshot", snapshot), ("index", index), ("drop_unusable", drop_unusable)):
        if given:
            raise InputError(str(source), name, "a .parquet option chain, the only form that takes it")
    if source.is_dir():
        return read_market_folder(source)
    _check_json(source, "a .json file, a folder of Parquet tables or a .parquet option chain")
    return read_market_json(source)


def read_accounts(path: str | PathLike[str]) -> Accounts:
    """Read accounts.

    Args:
        path: A ``shockgrid.accounts/1`` file (``.json``), or a folder with any of ``settings``, ``positions``,
            ``balances``, ``orders`` and ``limits`` as ``.parquet``.

    Returns:
        The accounts in file order; of a folder in the order of ``settings.parquet``, then of first appearance.

    Raises:
        InputError: The path does not exist or is neither of the two; anything wrong inside, with the place
            (``accounts[0].positions[2].quantity``, ``positions.parquet row 17 column quantity``) and what was
            expected there.

    Examples:
        >>> read_accounts("examples/accounts.json")  # doctest: +SKIP
    """
    source = _existing(path, "a .json file or a folder of Parquet tables")
    if source.is_dir():
        return read_accounts_folder(source)
    _check_json(source, "a .json file or a folder of Parquet tables")
    return read_accounts_json(source)


def write_market(market: Market, path: str | PathLike[str]) -> None:
    """Write a market so that ``read_market`` gives it back exactly.

    What ``Market.derived`` says is not part of the format and is not written.

    Args:
        market: The market.
        path: ``*.json`` for a JSON file, otherwise a folder for Parquet tables; either is made where it does not
            exist, and replaced where it does.

    Raises:
        InputError: The path is neither a ``.json`` file nor a folder, or cannot be written.
    """
    target = _writable(path)
    (write_market_json if target.suffix == ".json" else write_market_folder)(market, target)


def write_accounts(accounts: Accounts, path: str | PathLike[str]) -> None:
    """Write accounts so that ``read_accounts`` gives them back exactly.

    Args:
        accounts: The accounts.
        path: ``*.json`` for a JSON file, otherwise a folder for Parquet tables; either is made where it does not
            exist, and replaced where it does.

    Raises:
        InputError: The path is neither a ``.json`` file nor a folder, or cannot be written.
    """
    target = _writable(path)
    (write_accounts_json if target.suffix == ".json" else write_accounts_folder)(accounts, target)


def _existing(path: str | PathLike[str], expected: str) -> Path:
    source = Path(path)
    if not source.exists():
        raise InputError(str(source), "file", expected, "nothing at this path")
    return source


def _check_json(source: Path, expected: str) -> None:
    if source.suffix != ".json":
        raise InputError(str(source), "file", expected, f"a file ending in {source.suffix!r}")


def _writable(path: str | PathLike[str]) -> Path:
    target = Path(path)
    is_file = target.suffix == ".json"
    # Other endings are more likely a slip than the name of a folder.
    if not is_file and not target.is_dir() and (target.suffix or target.exists()):
        raise InputError(str(target), "file", "a path that ends in .json, or a folder", target.name)
    try:
        (target.parent if is_file else target).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(str(target), "file", "a path that can be written", error.strerror or error) from None
    return target
