"""Forecasts with outturns that ship in packages: of rain, and of the Bank of England."""
