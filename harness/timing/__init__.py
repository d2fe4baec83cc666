"""Clocks, calibration, warm-up and rounds: how one stretch of calls becomes one sample."""
