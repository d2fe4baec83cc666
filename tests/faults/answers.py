"""What a worker would answer, made up: for tests of what surrounds a measurement."""

from harness.process import Outcome


def answer(job, rounds=12):
    """Return a payload that fits ``job``: the baseline is twice as fast as anybody else."""
    if job["pass"] == "verify":
        return {"results": [{"case": case, "ok": True} for case in job["cases"]]}
    if job["pass"] == "time":
        rivals = job["cases"][1:] if job["role"] == "first" else list(job["first"]["hot"])
        ids = [job["cases"][0]] * 2 + rivals
        order = list(range(len(ids)))
        state = "slower" if job["role"] == "first" else "agrees"
        sample_s = [0.001 if place < 2 else 0.002 for place in order + order[::-1]]
        return {"charged_s": 0.01, "series": [{
            "cache": "hot", "entrants": ids, "calls_per_sample": [1] * len(ids), "looks": [12], "role": job["role"],
            "rounds": [{"order": order, "sample_s": sample_s}] * rounds,
            "stopped": {"code": "all-decided", "numbers": {"round": rounds}}, "decisions": {
                rival: {"state": state, "round": 12} for rival in rivals}}]}
    return {"rss_delta_peak_bytes": 1000} if job["pass"] == "memory" else {}


def fake_runner(job, limit_s, progress=None, extra_environment=None, **more):
    """A runner that starts no process."""
    return Outcome(answer(job), None, 0.01)
