"""Other ways to compute the same margins, from the same market, exposures and accounts, each as good as can be."""
