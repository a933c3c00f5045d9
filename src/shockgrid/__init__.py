"""Portfolio-margin stress research for crypto derivatives.

Names load on first use, so that ``import shockgrid`` is quick and the numerical core needs jax and numpy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from shockgrid.builder.okx_reply import okx_reply as okx_reply
    from shockgrid.errors import InputError as InputError
    from shockgrid.errors import RulebookError as RulebookError
    from shockgrid.errors import ShockError as ShockError
    from shockgrid.errors import ShockgridError as ShockgridError
    from shockgrid.io.native import read_accounts as read_accounts
    from shockgrid.io.native import read_market as read_market
    from shockgrid.io.native import write_accounts as write_accounts
    from shockgrid.io.native import write_market as write_market
    from shockgrid.io.okx.account import read_okx_account as read_okx_account
    from shockgrid.io.okx.position_builder import read_position_builder_request as read_position_builder_request
    from shockgrid.io.rulebook_file import list_rulebooks as list_rulebooks
    from shockgrid.io.rulebook_file import load_rulebook as load_rulebook
    from shockgrid.pricing.implied_vols import implied_vol as implied_vol
    from shockgrid.report.conversion import ConversionReport as ConversionReport
    from shockgrid.report.conversion import convert_debts as convert_debts
    from shockgrid.report.folder_run import margin_folder as margin_folder
    from shockgrid.report.interest import accrue_interest as accrue_interest
    from shockgrid.report.margin import margin as margin
    from shockgrid.report.margin_report import MarginReport as MarginReport
    from shockgrid.report.marginal_margin import marginal_margin as marginal_margin
    from shockgrid.report.order_check import check_orders as check_orders
    from shockgrid.report.replay_report import ReplayReport as ReplayReport
    from shockgrid.report.rulebook_changes import rulebook_diff as rulebook_diff
    from shockgrid.synthetic.market import synthetic_market as synthetic_market
    from shockgrid.synthetic.population import synthetic_accounts as synthetic_accounts

_HOME = {
    "ConversionReport": "report.conversion",
    "InputError": "errors",
    "MarginReport": "report.margin_report",
    "ReplayReport": "report.replay_report",
    "RulebookError": "errors",
    "ShockError": "errors",
    "ShockgridError": "errors",
    "accrue_interest": "report.interest",
    "check_orders": "report.order_check",
    "convert_debts": "report.conversion",
    "implied_vol": "pricing.implied_vols",
    "list_rulebooks": "io.rulebook_file",
    "load_rulebook": "io.rulebook_file",
    "margin": "report.margin",
    "margin_folder": "report.folder_run",
    "marginal_margin": "report.marginal_margin",
    "okx_reply": "builder.okx_reply",
    "read_accounts": "io.native",
    "read_market": "io.native",
    "read_okx_account": "io.okx.account",
    "read_position_builder_request": "io.okx.position_builder",
    "rulebook_diff": "report.rulebook_changes",
    "synthetic_accounts": "synthetic.population",
    "synthetic_market": "synthetic.market",
    "write_accounts": "io.native",
    "write_market": "io.native",
}

__all__ = [
    "ConversionReport",
    "InputError",
    "MarginReport",
    "ReplayReport",
    "RulebookError",
    "ShockError",
    "ShockgridError",
    "accrue_interest",
    "check_orders",
    "convert_debts",
    "implied_vol",
    "list_rulebooks",
    "load_rulebook",
    "margin",
    "margin_folder",
    "marginal_margin",
    "okx_reply",
    "read_accounts",
    "read_market",
    "read_okx_account",
    "read_position_builder_request",
    "rulebook_diff",
    "synthetic_accounts",
    "synthetic_market",
    "write_accounts",
    "write_market",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
