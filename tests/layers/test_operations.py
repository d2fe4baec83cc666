"""Operations by rule against an independent count: loops over single numbers that count whatever is done to them."""

import itertools
import math

import pytest
import torch

from harness.passes.verify import verify_case
from harness.plan import Case
from harness.subjects import Inputs
from suites.builders import convolutions, debut, lhc, multiplication_free, transforms
from suites.builders.subject import seeded
from suites.layers.debut import published_chains
from suites.layers.lhc import LhcConv2d, draw_masks


class Counted:
    """A number that counts the operations made with it and others of its kind."""

    total = 0

    def __init__(self, value=0.0):
        self.value = value

    def _made(self, value):
        Counted.total += 1
        return Counted(value)

    def __add__(self, other):
        return self._made(self.value + other.value)

    def __sub__(self, other):
        return self._made(self.value - other.value)

    def __mul__(self, other):
        return self._made(self.value * other.value)

    def __abs__(self):
        return self._made(abs(self.value))

    def positive(self):
        return self._made(max(self.value, 0.0))

    def function(self, of):
        return self._made(of(self.value))

    def clamped(self, low, high):
        Counted.total += 1
        return self._made(min(max(self.value, low.value), high.value))

    def lesser(self, other):
        """The lesser magnitude, with this number's sign."""
        return self._made(math.copysign(min(abs(self.value), abs(other.value)), self.value))


@pytest.fixture(autouse=True)
def from_zero():
    Counted.total = 0


def numbers(count):
    return [Counted(math.sin(index)) for index in range(count)]


def butterflies(values):
    """The fast transform, in place."""
    step = 1
    while step < len(values):
        for start in range(0, len(values), 2 * step):
            for index in range(start, start + step):
                a, b = values[index], values[index + step]
                values[index], values[index + step] = a + b, a - b
        step *= 2
    return values


def threshold(value, limit, function):
    return value.function(function) * (abs(value) - limit).positive()


def smooth(values, limits):
    return [threshold(value, limit, math.tanh) for value, limit in zip(values, limits)]


def sign(value):
    return math.copysign(1.0, value)


def operations(build, case):
    return build(case, torch.randn(case.shape)).operations


@pytest.mark.parametrize("form", ["fused", "butterfly"])
@pytest.mark.parametrize("channels", [8, 12])
def test_the_1d_layer(channels, form):
    size = 8 if channels == 8 else 16
    for _ in range(2 * 3 * 3):
        values = numbers(channels) + [Counted() for _ in range(size - channels)]
        butterflies(smooth(butterflies(values), numbers(size)))
    case = Case("WHT 1D", form, "", (2, channels, 3, 3))
    subject = transforms.wht1d(case, torch.randn(case.shape))
    if form == "butterfly" or subject.implementation == "fused":
        assert subject.operations == Counted.total


def test_the_block_layer():
    for _ in range(2 * 3 * 3 * 3):
        values = [value * weight for value, weight in zip(butterflies(numbers(8)), numbers(8))]
        butterflies(smooth(values, numbers(8)))
    assert operations(transforms.block_wht1d, Case("B", "butterfly", "", (2, 24, 3, 3),
                                                   options=(("block_size", 8),))) == Counted.total


def plane_there(height, width, size):
    """The 2-D transform of a plane padded to a square: rows that hold anything, then every column."""
    rows = [butterflies(numbers(width) + [Counted() for _ in range(size - width)]) for _ in range(height)]
    rows += [[Counted() for _ in range(size)] for _ in range(size - height)]
    return [butterflies([row[column] for row in rows]) for column in range(size)]


def plane_back(columns, height):
    """The inverse: every column, then the rows that are kept."""
    columns = [butterflies(column) for column in columns]
    return [butterflies([column[row] for column in columns]) for row in range(height)]


@pytest.mark.parametrize("height, width", [(4, 4), (3, 4), (3, 3)])
def test_the_2d_layer(height, width):
    for _ in range(2 * 5):
        columns = [smooth([value * weight for value, weight in zip(column, numbers(4))], numbers(4))
                   for column in plane_there(height, width, 4)]
        plane_back(columns, height)
    case = Case("WHT 2D", "butterfly", "", (2, 5, height, width))
    assert operations(transforms.wht2d, case) == Counted.total


@pytest.mark.parametrize("plane", [(4, 4), (3, 4)])
def test_the_ht_perceptron(plane):
    channels, paths = 3, 2
    spectra = [sum(plane_there(plane[0], plane[1], 4), []) for _ in range(channels)]
    for _ in range(channels):
        total = []
        for place in range(16):
            summed = None
            for _ in range(paths):
                mixed = Counted()
                for spectrum, weight in zip(spectra, numbers(channels)):
                    mixed = mixed + spectrum[place] * weight
                path = threshold(mixed * Counted(0.5), Counted(0.1), sign)
                summed = path if summed is None else summed + path
            total.append(summed)
        plane_back([total[start:start + 4] for start in range(0, 16, 4)], plane[0])
    case = Case("HT", "butterfly", "", (1, channels) + plane, options=(("paths", paths),))
    assert operations(transforms.ht_perceptron, case) == Counted.total


def pair(member, x, signed, weight):
    if member == "sum":
        return x * Counted(sign(weight.value)) + signed * weight
    if member == "min":
        return x.lesser(weight) * Counted(sign(weight.value))
    low, high = Counted(min(weight.value, 0.0)), Counted(max(weight.value, 0.0))
    return x.clamped(low, high) * Counted(sign(weight.value))


def pairs_of(member, inputs, rows):
    """Sums of ``rows`` of inputs (indices) under one weight each, scaled."""
    signs = [x.function(sign) for x in inputs] if member == "sum" else inputs
    for row in rows:
        total = Counted()
        for index, weight in zip(row, numbers(len(row))):
            x, signed = (inputs[index], signs[index]) if index is not None else (Counted(), Counted())
            total = total + pair(member, x, signed, weight)
        total * Counted(0.5)


@pytest.mark.parametrize("member", ["sum", "min", "match-min"])
def test_multiplication_free_members_depthwise_and_dense(member):
    height, width = 3, 4
    taps = [[(y + dy) * width + x + dx if 0 <= y + dy < height and 0 <= x + dx < width else None
             for dy, dx in itertools.product((-1, 0, 1), repeat=2)]
            for y, x in itertools.product(range(height), range(width))]
    for _ in range(2 * 5):
        pairs_of(member, numbers(height * width), taps)
    case = Case("MF", "stock", "", (2, 5, height, width), options=(("member", member),))
    assert operations(multiplication_free.depthwise, case) == Counted.total
    Counted.total = 0
    for _ in range(3):
        pairs_of(member, numbers(6), [range(6)] * 6)
    case = Case("MF", "stock", "", (3, 6), options=(("member", member),))
    assert operations(multiplication_free.linear, case) == Counted.total


def test_the_depthwise_convolution_takes_two_for_each_tap():
    for _ in range(2 * 5 * 3 * 4):
        total = Counted()  # the bias
        for x, weight in zip(numbers(9), numbers(9)):
            total = total + x * weight
    case = Case("D", "", "", (2, 5, 3, 4))
    assert 2 * convolutions.depthwise(case, torch.randn(case.shape)).macs == Counted.total


def test_a_chain_takes_two_for_each_element_of_a_factor_at_each_position():
    chain = published_chains("lenet_mnist_paper")[1]
    rows = 3
    for _ in range(rows):
        values = None
        for p, q, r, s, t in chain:
            out, blocks = [], p // (r * t)
            values = values or numbers(q)
            for b, _, k in itertools.product(range(blocks), range(r), range(t)):
                total = Counted()
                for j in range(s):
                    total = total + values[b * s * t + j * t + k] * Counted(0.5)
                out.append(total)
            values = out
    case = Case("DeBut", "blocks", "", (rows, 400), options=(
        ("chains", "lenet_mnist_paper"), ("index", 1), ("kernel", 0), ("out_features", 128)))
    assert 2 * debut.debut_layer(case, torch.randn(case.shape)).macs == Counted.total


def test_a_sparse_kernel_takes_two_for_each_kept_weight_and_pixel():
    case = Case("LHC", "shifted", "", (1, 32, 3, 3), options=(("density", 0.5),))

    def drawn():
        layer = LhcConv2d(32, 32, 3, padding=1)
        draw_masks(layer, 0.5)
        return layer

    for kept in seeded(drawn, case).mask().flatten().tolist():
        for _ in range(9 if kept else 0):
            Counted() + Counted() * Counted()
    assert 2 * lhc.lhc(case, torch.randn(case.shape)).macs == Counted.total > 0


@pytest.mark.parametrize("mode, counted", [("inference", True), ("training", False)])
def test_the_check_records_the_operations_of_a_call_forward(mode, counted):
    case = Case("WHT 1D", "butterfly", "suites.builders.transforms:wht1d", (2, 8, 3, 3), mode=mode)
    found = verify_case(case, Inputs(1))
    assert found.ok and found.operations == (2 * 9 * (2 * 24 + 8 * 5) if counted else None)
    conv = Case("Conv", "", "suites.builders.convolutions:depthwise", (2, 8, 3, 3), mode=mode)
    found = verify_case(conv, Inputs(1))
    assert found.operations == (2 * found.macs if counted else None)
