"""Energy from power readings: pure arithmetic on time stamps and values, no device in sight."""
