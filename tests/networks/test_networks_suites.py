import csv
import os
import re

import pytest
import torch

import suites
from harness.passes import verify
from harness.passes.verify import verify_case
from harness.plan import Target, check_comparison, comparison_from_dict, comparison_to_dict
from harness.subjects import Inputs, pinned_case
from harness.subjects import build as build_subject
from harness.work_units import all_units, work_of
from suites.builders.debut import chain_matrix
from suites.builders.networks import calibrate, dense_form
from suites.layers.debut import generate_chain, validate_chain
from suites.layers.debut.factors import new_weight, product
from suites.networks import build
from suites.networks.inference import FORMS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ["networks", "debut", "lhc"]
#: One small case for each kind of layer in these suites.
SMALL = {"networks": ["lenet-batch-1", "resnet20-batch-1"], "debut": ["lenet-fc1"], "lhc": ["64-32x32", "256-8x8"]}


def plan(name, device="cpu"):
    return suites.load_suite(name).comparisons(Target(device, 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_case_names_are_unique_and_the_plan_survives_the_record(name, device):
    for comparison in plan(name, device):
        check_comparison(comparison)
        assert comparison_from_dict(comparison_to_dict(comparison)) == comparison
        assert all(case.device == device for case in comparison.cases)


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_list_is_a_part_of_the_whole(name):
    every = plan(name)
    picked = suites.load_suite(name).quick(every)
    assert 0 < len(picked) < len(every)
    whole = {comparison.id: comparison for comparison in every}
    for comparison in picked:
        assert comparison.baseline == whole[comparison.id].baseline
        assert comparison.rivals and set(comparison.rivals) <= set(whole[comparison.id].rivals)


@pytest.mark.parametrize("name", NAMES)
def test_published_figures_belong_to_cases_of_their_suite_and_name_a_source(name):
    known = {comparison.case_id(case) for comparison in plan(name) for case in comparison.cases}
    with open(os.path.join(ROOT, "results", "published", name + ".csv"), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        assert "{}/{}".format(row["comparison"], row["case"]) in known
        assert row["source"] and (row["value"] or row["note"])


@pytest.mark.parametrize("name, identifier", [(name, one) for name in NAMES for one in SMALL[name]])
def test_small_cases_are_built_and_equal_their_float64_reference(name, identifier):
    torch.set_num_threads(1)
    comparison, = [one for one in plan(name) if one.id == identifier]
    inputs = Inputs(1)
    for case in comparison.cases:
        result = verify_case(case, inputs)
        assert result.ok is True, (case.name, result)
        assert result.parameters > 0 and result.macs > 0
        assert result.error < 1e-4


@pytest.mark.parametrize("quick, launches, repeats, most_min", [(False, 4, 3, 16), (True, 1, 1, 3)])
def test_a_run_of_the_networks_takes_minutes_by_the_controllers_own_reckoning(quick, launches, repeats, most_min):
    planned = suites.load_suite("networks").quick(plan("networks")) if quick else plan("networks")
    units = [unit for one in planned for unit in all_units(one, ("verify", "time", "memory"), launches, repeats)]
    assert work_of(units) < 60 * most_min


def test_what_is_timed_has_the_dense_network_as_written_beside_its_best_form():
    for comparison in plan("networks"):
        timed = "time" not in comparison.without
        assert comparison.baseline.slug == "dense" and comparison.baseline.implementation == ""
        assert [case.slug for case in comparison.rivals].count("dense-default") == timed


def test_every_claim_about_networks_has_its_cases():
    known = {comparison.case_id(case) for comparison in plan("networks") for case in comparison.cases}
    folder = os.path.join(ROOT, "results", "published", "claims")
    with open(os.path.join(folder, "claims.csv"), newline="", encoding="utf-8") as file:
        claims = {row["id"] for row in csv.DictReader(file) if row["suite"] == "networks"}
    with open(os.path.join(folder, "rows.csv"), newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["claim"] in claims]
    assert len({row["claim"] for row in rows}) > 15
    # a row without a case is one that no suite holds: printed in a paper, and said to be
    assert {"{}/{}".format(row["comparison"], row["case"]) for row in rows if row["case"]} <= known


def test_a_network_runs_in_the_fastest_form_found_or_in_the_one_it_is_told():
    torch.set_num_threads(1)
    comparison, = [one for one in plan("networks") if one.id == "resnet20-batch-1"]
    inputs = Inputs(1)
    default, = [case for case in comparison.rivals if case.slug == "dense-default"]
    best, told = build_subject(comparison.baseline, inputs), build_subject(default, inputs)
    form = dict(best.pinned)["form"]
    assert form in FORMS and form in best.implementation
    assert re.match(r"the fastest of ({}) \d".format("|".join(map(re.escape, FORMS))), best.reason)
    assert (told.implementation, told.reason, dict(told.pinned)["form"]) == ("default", None, "default")
    # The same network, whose counts are those of the trained one in either form.
    assert torch.allclose(best.call(), told.call(), atol=1e-4)
    assert (best.parameters, best.macs) == (told.parameters, told.macs) == (272474, 40813184)
    again = build_subject(pinned_case(comparison.baseline, {"form": "folded", "memory_format": "contiguous"}), inputs)
    assert (again.implementation, again.reason) == ("folded", "the fastest when the run began")


def test_the_forms_of_the_layers_stand_beside_that_of_their_network():
    comparison, = [one for one in plan("networks") if one.id == "lenet-batch-1"]
    subject = build_subject(comparison.rivals[0], Inputs(1))
    assert re.match(r".*; layers (fused|blocks)$", subject.implementation)


def test_a_step_of_training_is_refused_in_a_sentence():
    case = plan("networks")[0].baseline._replace(mode="training")
    with pytest.raises(ValueError, match="whole networks are for inference"):
        build_subject(case, Inputs(1))


def test_a_wrong_network_is_caught():
    comparison, = [one for one in plan("networks") if one.id == "lenet-batch-1"]
    inputs = Inputs(1)
    case = comparison.rivals[0]
    subject = build_subject(case, inputs)
    output = subject.call()
    assert verify.check(case, subject, output, inputs.get(case)).ok is True
    assert verify.check(case, subject, output * 1.01, inputs.get(case)).ok is False


def test_the_dense_form_of_a_network_equals_it_for_every_kind_of_layer():
    torch.manual_seed(0)
    for variant in ("dense", "fwht", "bwht", "ht", "debut", "lhc"):
        network = build("resnet20", variant=variant)
        calibrate(network, torch.randn(8, 3, 32, 32))
        network.eval()
        x = torch.randn(1, 3, 32, 32)
        exact = dense_form(network)
        assert next(exact.parameters()).dtype == torch.float64
        with torch.no_grad():
            wanted, got = exact(x.double()), network(x).double()
        assert float((got - wanted).abs().max() / wanted.pow(2).mean().sqrt()) < 1e-3
        assert next(network.parameters()).dtype == torch.float32


def test_calibration_gives_every_norm_the_statistics_of_its_input():
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
    batch = 5 + 2 * torch.randn(16, 3, 8, 8)
    calibrate(network, batch)
    assert torch.allclose(network[0].running_mean, batch.mean((0, 2, 3)), atol=1e-5)
    assert network[0].momentum == 0.1


def test_the_suites_own_chain_product_equals_the_librarys():
    torch.manual_seed(2)
    weights = [new_weight(factor).double() for factor in validate_chain(generate_chain(24, 72))]
    assert torch.allclose(chain_matrix(weights), product(weights))
