"""Portfolio-margin stress research for crypto derivatives.

Names load on first use, so that ``import shockgrid`` is quick and the numerical core needs jax and numpy alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from shockgrid.builder.attribution import Attribution as Attribution
    from shockgrid.builder.attribution import attribute as attribute
    from shockgrid.builder.liquidation_price import liquidation_price as liquidation_price
    from shockgrid.builder.margin_curve import MarginCurve as MarginCurve
    from shockgrid.builder.margin_curve import margin_curve as margin_curve
    from shockgrid.builder.max_quantity import max_quantity as max_quantity
    from shockgrid.builder.mode_comparison import ModeComparison as ModeComparison
    from shockgrid.builder.mode_comparison import compare_modes as compare_modes
    from shockgrid.builder.okx_reply import okx_reply as okx_reply
    from shockgrid.builder.stress_test import StressReport as StressReport
    from shockgrid.builder.stress_test import stress as stress
    from shockgrid.builder.what_if import WhatIf as WhatIf
    from shockgrid.builder.what_if import what_if as what_if
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
    from shockgrid.io.path_config_file import load_path_config as load_path_config
    from shockgrid.io.rulebook_file import list_rulebooks as list_rulebooks
    from shockgrid.io.rulebook_file import load_rulebook as load_rulebook
    from shockgrid.io.stress_file import read_stresses as read_stresses
    from shockgrid.pricing.implied_vols import implied_vol as implied_vol
    from shockgrid.report.cascade import cascade as cascade
    from shockgrid.report.cascade_report import CascadeReport as CascadeReport
    from shockgrid.report.conversion import ConversionReport as ConversionReport
    from shockgrid.report.conversion import convert_debts as convert_debts
    from shockgrid.report.folder_run import margin_folder as margin_folder
    from shockgrid.report.interest import accrue_interest as accrue_interest
    from shockgrid.report.liquidation import liquidate as liquidate
    from shockgrid.report.liquidation_report import LiquidationReport as LiquidationReport
    from shockgrid.report.margin import margin as margin
    from shockgrid.report.margin_report import MarginReport as MarginReport
    from shockgrid.report.marginal_margin import marginal_margin as marginal_margin
    from shockgrid.report.order_check import check_orders as check_orders
    from shockgrid.report.path_set import PathSet as PathSet
    from shockgrid.report.path_set import draw_paths as draw_paths
    from shockgrid.report.path_set import read_paths as read_paths
    from shockgrid.report.replay_report import ReplayReport as ReplayReport
    from shockgrid.report.rulebook_changes import rulebook_diff as rulebook_diff
    from shockgrid.scenarios.named_stress import Stress as Stress
    from shockgrid.scenarios.shock import shock as shock
    from shockgrid.synthetic.market import synthetic_market as synthetic_market
    from shockgrid.synthetic.population import synthetic_accounts as synthetic_accounts

_HOME = {
    "Attribution": "builder.attribution",
    "CascadeReport": "report.cascade_report",
    "ConversionReport": "report.conversion",
    "InputError": "errors",
    "LiquidationReport": "report.liquidation_report",
    "MarginCurve": "builder.margin_curve",
    "MarginReport": "report.margin_report",
    "ModeComparison": "builder.mode_comparison",
    "PathSet": "report.path_set",
    "ReplayReport": "report.replay_report",
    "RulebookError": "errors",
    "ShockError": "errors",
    "ShockgridError": "errors",
    "Stress": "scenarios.named_stress",
    "StressReport": "builder.stress_test",
    "WhatIf": "builder.what_if",
    "accrue_interest": "report.interest",
    "attribute": "builder.attribution",
    "cascade": "report.cascade",
    "check_orders": "report.order_check",
    "compare_modes": "builder.mode_comparison",
    "convert_debts": "report.conversion",
    "draw_paths": "report.path_set",
    "implied_vol": "pricing.implied_vols",
    "liquidate": "report.liquidation",
    "liquidation_price": "builder.liquidation_price",
    "list_rulebooks": "io.rulebook_file",
    "load_path_config": "io.path_config_file",
    "load_rulebook": "io.rulebook_file",
    "margin": "report.margin",
    "margin_curve": "builder.margin_curve",
    "margin_folder": "report.folder_run",
    "marginal_margin": "report.marginal_margin",
    "max_quantity": "builder.max_quantity",
    "okx_reply": "builder.okx_reply",
    "read_accounts": "io.native",
    "read_market": "io.native",
    "read_okx_account": "io.okx.account",
    "read_paths": "report.path_set",
    "read_position_builder_request": "io.okx.position_builder",
    "read_stresses": "io.stress_file",
    "rulebook_diff": "report.rulebook_changes",
    "shock": "scenarios.shock",
    "stress": "builder.stress_test",
    "synthetic_accounts": "synthetic.population",
    "synthetic_market": "synthetic.market",
    "what_if": "builder.what_if",
    "write_accounts": "io.native",
    "write_market": "io.native",
}

__all__ = [
    "Attribution",
    "CascadeReport",
    "ConversionReport",
    "InputError",
    "LiquidationReport",
    "MarginCurve",
    "MarginReport",
    "ModeComparison",
    "PathSet",
    "ReplayReport",
    "RulebookError",
    "ShockError",
    "ShockgridError",
    "Stress",
    "StressReport",
    "WhatIf",
    "accrue_interest",
    "attribute",
    "cascade",
    "check_orders",
    "compare_modes",
    "convert_debts",
    "draw_paths",
    "implied_vol",
    "liquidate",
    "liquidation_price",
    "list_rulebooks",
    "load_path_config",
    "load_rulebook",
    "margin",
    "margin_curve",
    "margin_folder",
    "marginal_margin",
    "max_quantity",
    "okx_reply",
    "read_accounts",
    "read_market",
    "read_okx_account",
    "read_paths",
    "read_position_builder_request",
    "read_stresses",
    "rulebook_diff",
    "shock",
    "stress",
    "synthetic_accounts",
    "synthetic_market",
    "what_if",
    "write_accounts",
    "write_market",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
