"""Many accounts, one liquidity, a fund: what liquidations do to prices, and who pays for bankrupt accounts."""
