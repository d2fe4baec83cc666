"""The comparison rule and its verdicts, computed from raw samples (numpy only, no torch)."""
