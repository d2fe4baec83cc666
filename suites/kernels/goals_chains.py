"""Goals of the DeBut and LHC kernels and of training.

Each is (comparison, layer, rivals, at most so many times the best of them).
"""

from typing import Tuple

Row = Tuple[str, str, Tuple[str, ...], float]

DENSE = ("Dense best", "Dense default")
#: How many times as fast as the best dense layer: on 3x3 layers half of the ratio of multiply-adds (31.1, bulging
#: 19.5), more on small planes, where the dense layer is bound by reading its weights. PointNet's is bound by writing.
#: Linear: 0.4 of the ratio of multiply-adds, 16 and 6.67.
FASTER = (("1x512x14x14-512", 14.0), ("1x512x7x7-512", 14.0), ("1x512x7x7-512-bulging", 10.0),
          ("8x512x7x7-512", 10.0), ("1x256x4x4-512", 25.0), ("1x512x2x2-512", 20.0), ("1x2048x7x7-512", 12.0),
          ("1x128x1024x1-1024", 3.0), ("64x512-256", 0.4 * 16.0), ("64x400-128", 0.4 * 6.67))
#: By density; with 64 channels a tenth of the blocks leaves less work than the padded copy deserves.
SPARSE = (("LHC 10%", 6.0), ("LHC 25%", 2.8), ("LHC 50%", 1.4))
FEW_CHANNELS = {"LHC 10%": 5.0}

#: A training step: never slower than through the stock form.
TRAINED = (("debut", "DeBut", "blocks"), ("debut-linear", "DeBut", "blocks"),
           ("ht", "HT-perceptron, 3 paths", "matrix")) + tuple(
    (kind, "MF {} {}".format(title, member), "stock")
    for kind, title in (("depthwise", "depthwise 3x3"), ("linear", "linear"))
    for member in ("sum", "min", "match-min"))

ROWS: Tuple[Row, ...] = tuple(("kernels-debut-" + name, "DeBut", DENSE, 1 / factor) for name, factor in FASTER)
ROWS += tuple(("kernels-training-" + name, layer, ("{} {}".format(layer, form),), 1.0)
              for name, layer, form in TRAINED)
ROWS += tuple(("kernels-lhc-1x64x56x56", layer, DENSE, 1 / FEW_CHANNELS.get(layer, factor))
              for layer, factor in SPARSE)
ROWS += tuple(("kernels-lhc-" + shape, layer, DENSE, 1 / factor)
              for shape in ("1x128x28x28", "1x256x14x14", "1x512x7x7") for layer, factor in SPARSE)
