"""How fast: `make bench`. Every figure is of one run on one machine; the ratios are what carries over."""
