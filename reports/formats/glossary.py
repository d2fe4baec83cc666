"""The words of a verdict and what they mean, as page and Markdown explain them."""

GLOSSARY = (
    ("faster, slower", "all launches agree, and the mean of their speeds lies beyond the practical factor and beyond "
     "what two copies of the baseline differ by"),
    ("same", "the interval lies inside the practical factor"),
    ("cannot tell", "what was seen fits both, no difference and one that matters: mostly too few rounds; the next "
     "step says what would decide it"),
    ("wrong", "the output differs from the float64 reference by more than allowed, so it was not timed"),
    ("speed", "baseline time / rival time per call, the mean of the launches' estimates: bigger is faster"),
    ("interval", "exact signed-rank interval of the first launch at 99 %, stretched to hold every launch's estimate"),
    ("round", "every entrant once in shuffled order and once more backwards: one ratio; no sample is dropped"),
    ("launch", "one fresh process; the later ones confirm the first"),
    ("A/A", "the baseline runs twice as two entrants; their difference is the noise floor of the run"),
    ("median", "time per call over all samples of all launches; P5 to P95 hold the middle 90 % of them"),
)
