"""The passes: verify, time, memory, energy. Each runs in a worker of its own and never shares a run."""
