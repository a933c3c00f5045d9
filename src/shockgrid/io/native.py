"""Markets and accounts in the native formats: a JSON file, or a folder of Parquet tables (formats.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from pathlib import Path

from shockgrid.accounts.holdings import Accounts
from shockgrid.errors import InputError
from shockgrid.io.deribit.market import read_deribit_market
from shockgrid.io.native_json import read_accounts_json, read_market_json, write_accounts_json, write_market_json
from shockgrid.io.native_parquet import (
    read_accounts_folder,
    read_market_folder,
    write_accounts_folder,
    write_market_folder,
)
from shockgrid.io.okx.market import read_okx_market
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
            ``index.parquet``, the Parquet file of an option chain (see ``read_option_chain``), or a folder with
            payloads of OKX (``instruments*.json``, see ``read_okx_market``) or Deribit (``ticker*.json`` too, see
            ``read_deribit_market``).
        snapshot: Which snapshot of an option chain: a UTC time, or a day that has one. Option chains only.
        index: Index prices that the source does not give, e.g. ``{"USDT-USD": 0.9998}`` where accounts hold USDT.
            Option chains and payloads only.
        drop_unusable: Leave out what has expired or lacks a price or volatility, and say so in ``Market.derived``,
            instead of refusing the source. Option chains and payloads only.

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
    if snapshot is not None:
        raise InputError(str(source), "snapshot", "a .parquet option chain, which is where snapshots are chosen")
    if source.is_dir():
        return _read_folder(source, index, drop_unusable)
    _refuse_options(source, index, drop_unusable)
    _check_json(source, "a .json file, a folder of Parquet tables or a .parquet option chain")
    return read_market_json(source)


def _read_folder(folder: Path, index: Mapping[str, float] | None, drop_unusable: bool) -> Market:
    """Native Parquet tables, or payloads: Deribit's where there are tickers or book summaries, else OKX's."""
    if not any(folder.glob("instruments*.json")):
        _refuse_options(folder, index, drop_unusable)
        return read_market_folder(folder)
    is_deribit = any(folder.glob("ticker*.json")) or any(folder.glob("book[-_]summary*.json"))
    read = read_deribit_market if is_deribit else read_okx_market
    return read(folder, index=index, drop_unpriced=drop_unusable)


def _refuse_options(source: Path, index: Mapping[str, float] | None, drop_unusable: bool) -> None:
    for name, given in (("index", index), ("drop_unusable", drop_unusable)):
        if given:
            raise InputError(str(source), name, "an option chain or an exchange's payloads, which may need it")


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
