"""Every number of every OKX rulebook version, typed in from the rule text.

`okx_portfolio_margin.md` is cited as PM, `okx_computation.md` as OC, the choices that complete them as CH.
Nothing here is read from a file.
"""

import math
from dataclasses import dataclass, replace

MAJOR = ("BTC", "ETH")
B_OLD = ("LTC", "BCH", "EOS", "OKB", "DOT", "BSV", "LINK", "FIL", "ADA", "TRX", "UNI", "XRP")
B_NEW = ("SOL", "DOGE", "PEPE", "XRP", "BNB", "SHIB", "LTC", "ORDI", "WLD", "BCH", "ADA")
SET_2 = ("LTC", "BSV", "TRX", "DOT", "XRP", "ETC", "EOS", "FIL", "ADA", "BCH", "LINK")  # v1's MR7 multiplier (PM 8.2)


@dataclass(frozen=True)
class ByGroup:
    """One value for group A, one for group B (whose members are named here), one for all other coins (PM 0)."""

    a: object
    b: object
    c: object
    b_members: tuple

    def of(self, coin: str):
        if coin in MAJOR:
            return self.a
        return self.b if coin in self.b_members else self.c


@dataclass(frozen=True)
class Tiers:
    """Tiers with their upper bounds (the last is infinite) and one rate each."""

    upper: tuple
    rate: tuple


@dataclass(frozen=True)
class VolShock:
    """MR1's volatility shock by days to expiry (PM 2.3)."""

    days: tuple = (0.0, 30.0, 60.0, 90.0, 180.0)
    points: tuple = (0.30, 0.20, 0.15, 0.12, 0.10)
    relative: tuple = (0.45, 0.30, 0.25, 0.20, 0.15)
    floor: float = 0.01


@dataclass(frozen=True)
class OptionCharge:
    """MR7's raw charge of one option (OC 3, MR7); `floor` for long options, `short_floor` for short ones."""

    fee_of_index: float = 0.0003
    fee_of_premium: float = 0.125
    delta_rate: float = 0.0045
    vega_points: float = 3.0
    floor: float = 0.002
    short_floor: float = 0.002


@dataclass(frozen=True)
class Depeg:
    """MR9's table (PM 9): rows by index price, columns for tiers 1 to 3, a step for every further tier."""

    upper: tuple = (1e6, 5e6, 10e6, 20e6, 40e6, 80e6, 120e6, math.inf)
    price: tuple = (0.80, 0.90, 0.95, 0.98, 0.99, 0.995)
    tier1: tuple = (0.40, 0.30, 0.05, 0.010, 0.005, 0.005)
    tier2: tuple = (0.40, 0.31, 0.06, 0.020, 0.015, 0.010)
    tier3: tuple = (0.40, 0.32, 0.07, 0.030, 0.020, 0.015)
    further_step: float = 0.005
    cap: float = 0.40
    pairs: tuple = (("USDT", "USD"), ("USDT", "USDC"), ("USDC", "USD"))


@dataclass(frozen=True)
class BorrowTable:
    """Whole-amount tiers of one borrowed currency and the size of each tier beyond the table (PM 10.2)."""

    upper: tuple
    mmr: tuple
    imr: tuple
    beyond: float


USDT_BORROW = BorrowTable(
    (100_000.0, 200_000.0, 500_000.0, 1_000_000.0, 2_000_000.0, 3_000_000.0),
    (0.02, 0.025, 0.03, 0.04, 0.05, 0.06),
    (0.10, 0.1053, 0.1111, 0.1176, 0.125, 0.20),
    1_000_000.0,
)
BTC_BORROW = BorrowTable((35.0, 70.0, 105.0), (0.03, 0.0625, 0.10), (0.10, 0.125, 0.20), 35.0)
ETH_BORROW = BorrowTable((500.0, 1000.0, 1500.0), (0.03, 0.0625, 0.10), (0.10, 0.125, 0.20), 500.0)

MR7_MULTIPLIER_A = Tiers((250e3, 500e3, 1e6, 2e6, 3e6, 4e6, math.inf), (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0))
MR7_MULTIPLIER_B = Tiers(
    (175e3, 400e3, 725e3, 1075e3, 1725e3, 2375e3, 3025e3, 3675e3, 4325e3, 4975e3, 5625e3, 6275e3, math.inf),
    (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0),
)
MR7_MULTIPLIER_C = Tiers((75e3, 200e3, 350e3, math.inf), (1.0, 2.0, 3.0, 4.0))
# before 15 January 2025 (PM 8.2): BTC and ETH, set 2 with steps of 26,000 from the fifth bound on, set 3
MR7_MULTIPLIER_A_BEFORE = Tiers(
    (10e3, 70e3, 170e3, 300e3, 470e3, 700e3, math.inf), (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0)
)
MR7_MULTIPLIER_SET_2 = Tiers(
    (7e3, 16e3, 29e3, 43e3, 69e3, 95e3, 121e3, 147e3, 173e3, 199e3, 225e3, 251e3, math.inf),
    (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0),
)
MR7_MULTIPLIER_SET_3 = Tiers((3e3, 8e3, 14e3, math.inf), (1.0, 2.0, 3.0, 4.0))

HAIRCUT_1 = Tiers((5e6, 10e6, 20e6, 40e6, 100e6, math.inf), (1.0, 0.975, 0.975, 0.95, 0.90, 0.0))
HAIRCUT_2 = Tiers((2e6, 4e6, 8e6, math.inf), (0.95, 0.85, 0.50, 0.0))
HAIRCUT_3 = Tiers((1e6, 2e6, 4e6, math.inf), (0.90, 0.80, 0.50, 0.0))
HAIRCUT_4 = Tiers((1e6, 2e6, 4e6, math.inf), (0.85, 0.75, 0.50, 0.0))
HAIRCUT_5 = Tiers((250e3, 500e3, 1e6, math.inf), (0.80, 0.70, 0.50, 0.0))
HAIRCUT_6 = Tiers((50e3, math.inf), (0.50, 0.0))
HAIRCUT_MEMBERS = (
    ("BTC ETH TUSD USD USDC USDT", HAIRCUT_1),
    ("BCH BETH EOS LTC", HAIRCUT_2),
    ("ADA ATOM AVAX BSV DOGE DOT FIL FTM LINK MANA MATIC OKB SAND SHIB", HAIRCUT_3),
    ("AAVE ALGO GALA NEAR SOL SUSHI TRX UNI XRP", HAIRCUT_4),
    (
        "AXS BAT BNB COMP CRO CRV DASH EGLD ETC FLOW GRT ICP KSM LRC LUNA NEO OMG PEOPLE QTUM XLM XMR XTZ YFI YFII ZEC",
        HAIRCUT_5,
    ),
)


@dataclass(frozen=True)
class Parameters:
    """One rulebook version. The defaults are okx/v2-2025-01-15 (OC 3, 4 and 6); v2 does not use what says v1."""

    structure: str = "v2"  # or "v1": one unit per coin and settlement currency (OC 2)
    spot_modes: tuple = ()  # v1: the spot modes that the version knows; any other is as derivatives_only (CH A)
    spot_in_mr4: bool = True  # does spot in use enter MR4 (OC 6)
    spot_orders_in_units: bool = True  # do spot orders change the X of a unit (CH A)
    spot_limits: bool = True  # does the user's limit U exist (CH A)
    year_days: float = 365.0
    mr1_moves: ByGroup = ByGroup((0.04, 0.08, 0.12), (0.06, 0.12, 0.18), (0.08, 0.16, 0.25), B_OLD)
    vol_shock: VolShock = VolShock()
    mr2_days: float = 1.0
    mr3_kappa: float = 0.5
    mr4_floor: ByGroup = ByGroup(0.002, 0.008, 0.02, B_NEW)
    mr4_annual_move: ByGroup = ByGroup(0.05, 0.15, 0.30, B_NEW)
    mr4_spot_days: float = 0.0
    mr4_perpetual_days: float = 0.33
    mr4_forward_move: ByGroup = ByGroup(0.006, 0.008, 0.01, B_OLD)  # v1
    mr4_basis_change: ByGroup = ByGroup(0.10, 0.40, 0.40, B_OLD)  # v1
    mr5_pc1: float = 0.03
    mr5_pc2: float = 0.015
    mr5_tilt_days: float = 365.0
    mr6_move: ByGroup = ByGroup(0.24, 0.36, 0.50, B_NEW)
    mr6_loss_fraction: float = 0.5
    mr7_rate: ByGroup = ByGroup(0.0045, 0.0070, 0.0100, B_NEW)
    mr7_option: OptionCharge = OptionCharge()
    mr7_multiplier: ByGroup = ByGroup(MR7_MULTIPLIER_A, MR7_MULTIPLIER_B, MR7_MULTIPLIER_C, B_NEW)
    mr7_funding_days: float = 0.0
    mr9: Depeg = Depeg()
    imr_factor: float = 1.3
    borrow_rate_step: float = 0.01
    borrow_rate_cap: float = 1.0
    borrow_other_mmr: float = 0.10
    borrow_other_imr: float = 0.20
    liability_fee: float = 0.001
    warning_ratio: float = 3.0
    liquidation_ratio: float = 1.0
    eligible_equity_usd: float = 10_000.0

    def borrow_table(self, currency: str) -> BorrowTable | None:
        """The borrow tiers of a currency; None for a coin with flat rates (OC 4, borrow)."""
        tables = {"USDT": USDT_BORROW, "USDC": USDT_BORROW, "USD": USDT_BORROW, "BTC": BTC_BORROW, "ETH": ETH_BORROW}
        return tables.get(currency)

    def haircut(self, currency: str) -> Tiers:
        """The haircut tiers of a currency; class 6 when no class names it (OC 4)."""
        for members, tiers in HAIRCUT_MEMBERS:
            if currency in members.split():
                return tiers
        return HAIRCUT_6


V2_2025_01_15 = Parameters()
V2_2025_12_04 = replace(
    V2_2025_01_15, mr1_moves=ByGroup((0.04, 0.08, 0.12), (0.06, 0.12, 0.18), (0.08, 0.16, 0.25), B_NEW)
)
V2_2025_01_06 = replace(
    V2_2025_01_15, mr7_multiplier=ByGroup(MR7_MULTIPLIER_A_BEFORE, MR7_MULTIPLIER_SET_2, MR7_MULTIPLIER_SET_3, B_NEW)
)
V2_2024_12_30 = replace(
    V2_2025_01_06,
    mr1_moves=ByGroup((0.05, 0.10, 0.15), (0.07, 0.14, 0.20), (0.08, 0.16, 0.25), B_OLD),
    mr4_annual_move=ByGroup(0.075, 0.225, 0.45, B_NEW),
    mr6_move=ByGroup(0.30, 0.40, 0.50, B_NEW),
)
V1_2024_06_05 = replace(
    V2_2024_12_30,
    structure="v1",
    spot_modes=("spot_usdt", "spot_usdc", "spot_coin"),
    mr7_option=OptionCharge(short_floor=0.02),
    mr7_multiplier=ByGroup(MR7_MULTIPLIER_A_BEFORE, MR7_MULTIPLIER_SET_2, MR7_MULTIPLIER_SET_3, SET_2),
)
V1_2024_05_11 = replace(
    V1_2024_06_05,
    spot_modes=("spot_usdt", "spot_coin"),
    spot_in_mr4=False,
    spot_orders_in_units=False,
    spot_limits=False,
)
V1_2024_02_01 = replace(V1_2024_05_11, mr4_basis_change=ByGroup(0.30, 0.40, 0.40, B_OLD))
V1_2023_07_12 = V1_2024_02_01  # only the borrowing tiers changed in between; the first known ones stand in (CH A)
V1_2023_06_08 = replace(V1_2023_07_12, mr4_forward_move=ByGroup(0.015, 0.02, 0.025, B_OLD))
V1_2022_08_24 = replace(V1_2023_06_08, mr5_pc1=0.0, mr5_pc2=0.0, eligible_equity_usd=100_000.0)
V1_2021_12_24 = replace(V1_2022_08_24, spot_modes=())

VERSIONS: dict[str, Parameters] = {
    "okx/v1-2021-12-24": V1_2021_12_24,
    "okx/v1-2022-08-24": V1_2022_08_24,
    "okx/v1-2023-06-08": V1_2023_06_08,
    "okx/v1-2023-07-12": V1_2023_07_12,
    "okx/v1-2024-02-01": V1_2024_02_01,
    "okx/v1-2024-05-11": V1_2024_05_11,
    "okx/v1-2024-06-05": V1_2024_06_05,
    "okx/v2-2024-12-30": V2_2024_12_30,
    "okx/v2-2025-01-06": V2_2025_01_06,
    "okx/v2-2025-01-15": V2_2025_01_15,
    "okx/v2-2025-12-04": V2_2025_12_04,
}
