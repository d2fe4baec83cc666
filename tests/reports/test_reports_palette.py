"""The palette's promises: contrast (WCAG 2) and distance for colour-blind readers (Machado 2009, OKLab)."""

import itertools
import os
import re

import pytest

import reports
from reports.formats.svg.palette import DARK, LIGHT, SERIES_ROLES, TEXT_ROLES, resolved

# Machado, Oliveira and Fernandes 2009, table 1, severity 1.0, on linear RGB
BLIND = {
    "full sight": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "red-blind": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "green-blind": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                    (-0.011820, 0.042940, 0.968881)),
    "blue-blind": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                   (0.004733, 0.691367, 0.303900))}


def linear(colour):
    parts = [int(colour[i:i + 2], 16) / 255.0 for i in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(one, other):
    lights = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def oklab(rgb):
    r, g, b = (min(1.0, max(0.0, part)) for part in rgb)
    cone = [(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3.0),
            (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3.0),
            (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3.0)]
    rows = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660))
    return [sum(k * c for k, c in zip(row, cone)) for row in rows]


def seen(colour, matrix):
    rgb = linear(colour)
    return oklab([sum(k * c for k, c in zip(row, rgb)) for row in matrix])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_colours_have_a_contrast_of_4_5_on_page_and_band_where_they_stand(colours):
    for role in TEXT_ROLES:
        assert contrast(colours[role], colours["page"]) >= 4.5, role
    for role in ("ink", "dim", "faster", "slower"):
        assert contrast(colours[role], colours["band"]) >= 4.5, role


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_series_colours_have_a_contrast_of_4_5(colours):
    for role in SERIES_ROLES:
        assert contrast(colours[role], colours["page"]) >= 4.5, role


@pytest.mark.parametrize("sight", sorted(BLIND))
@pytest.mark.parametrize("colours, least", [(LIGHT, 9.5), (DARK, 13.4)], ids=["light", "dark"])
def test_series_colours_stay_apart_for_every_kind_of_sight(colours, least, sight):
    for one, other in itertools.combinations(SERIES_ROLES, 2):
        a, b = seen(colours[one], BLIND[sight]), seen(colours[other], BLIND[sight])
        distance = 100 * sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5
        assert distance >= least, (one, other, distance)


def test_every_colour_in_the_styles_comes_from_the_palette():
    folder = os.path.join(os.path.dirname(reports.__file__), "formats", "templates")
    for name in ("page.css", "chart.css"):
        with open(os.path.join(folder, name)) as file:
            style = file.read()
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b", style), name
        assert set(re.findall(r"var\(--([a-z0-9-]+)", style)) <= set(LIGHT) | {"font", "right"}


def test_light_and_dark_name_the_same_roles():
    assert set(LIGHT) == set(DARK)


def test_a_resolved_style_has_no_variables_left():
    assert resolved("a{fill:var(--ink);stroke:var(--series-4)}", LIGHT) == "a{fill:#14181d;stroke:#a559aa}"
