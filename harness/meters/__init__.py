"""Sources of readings: power, energy, memory, clocks and temperatures."""
