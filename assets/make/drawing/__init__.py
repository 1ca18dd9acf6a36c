"""The painters of assets/make/drawings.py and what they share."""
