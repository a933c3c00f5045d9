"""Black-76 on the forward, undiscounted, in coin (value divided by the forward): OC section 1."""

import math


def cdf(x: float) -> float:
    """Standard normal distribution function, accurate in both tails."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def pdf(x: float) -> float:
    """Standard normal density."""
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def d1_d2(forward: float, strike: float, vol: float, years: float) -> tuple[float, float]:
    """d1 = (ln(F/K) + vol^2 T / 2) / (vol sqrt T), d2 = d1 - vol sqrt T."""
    spread = vol * math.sqrt(years)
    d1 = (math.log(forward / strike) + 0.5 * vol * vol * years) / spread
    return d1, d1 - spread


def value(right: str, forward: float, strike: float, vol: float, years: float) -> float:
    """Coin value v of one coin of underlying; at T <= 0 the payoff at F divided by F."""
    if years <= 0.0:
        payoff = forward - strike if right == "call" else strike - forward
        return max(payoff, 0.0) / forward
    d1, d2 = d1_d2(forward, strike, vol, years)
    if right == "call":
        return cdf(d1) - strike / forward * cdf(d2)
    return strike / forward * cdf(-d2) - cdf(-d1)


def delta(right: str, forward: float, strike: float, vol: float, years: float) -> float:
    """N(d1) for a call; N(d1) - 1 = -N(-d1) for a put."""
    d1, _ = d1_d2(forward, strike, vol, years)
    return cdf(d1) if right == "call" else -cdf(-d1)


def vega_per_point(forward: float, strike: float, vol: float, years: float) -> float:
    """n(d1) sqrt(T) / 100: per volatility point, as a fraction of the index."""
    d1, _ = d1_d2(forward, strike, vol, years)
    return pdf(d1) * math.sqrt(years) / 100.0


def gamma(forward: float, strike: float, vol: float, years: float) -> float:
    """n(d1) / (F vol sqrt T)."""
    d1, _ = d1_d2(forward, strike, vol, years)
    return pdf(d1) / (forward * vol * math.sqrt(years))


def rate_sensitivity(right: str, forward: float, strike: float, vol: float, years: float) -> float:
    """Per 1.00 of annual rate, as a fraction of the index: call (K/F) N(d2) T, put -(K/F) N(-d2) T."""
    _, d2 = d1_d2(forward, strike, vol, years)
    if right == "call":
        return strike / forward * cdf(d2) * years
    return -strike / forward * cdf(-d2) * years
