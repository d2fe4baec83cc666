"""The recorded run: one folder with one append-only text file, ``record.jsonl``.

Every line is one JSON object: the plan first, then a session for each start or resume, one line for each finished
unit of work, flushed and synced before the next begins, and an end. ``results/record.schema.json`` describes them.
"""

from harness.record.amount_lines import (
           EnergyLine,
           EnergyWindow,
           FitLine,
           FitProbe,
           MemoryLine,
           MemoryTrace,
           Phase,
           SamplingCost,
           SoakBlock,
           SoakLine,
           SoakTrace,
           Stage,
           Traces,
)
from harness.record.damage import Damage, Damaged, damage_text
from harness.record.index import Place, Run, folder_of, load_run
from harness.record.lines import (
           CheckLine,
           CheckResult,
           End,
           Environment,
           Header,
           MeterStatus,
           Session,
           Unit,
           UnitLine,
           has_failed,
           unit_of,
)
from harness.record.reader import FILE_NAME, FORMAT, RecordError
from harness.record.time_lines import LaunchLine, Round, Series, SeriesDecision, TimerFacts, WarmUpFacts
from harness.record.wire import unit_line
from harness.record.writer import RecordWriter

__all__ = ["CheckLine", "CheckResult", "Damage", "Damaged", "End", "EnergyLine", "EnergyWindow", "Environment",
           "FILE_NAME", "FORMAT", "FitLine", "FitProbe", "Header", "LaunchLine", "MemoryLine", "MemoryTrace",
           "MeterStatus", "Phase", "Place", "RecordError", "RecordWriter", "Round", "Run", "SamplingCost", "Series",
           "SeriesDecision", "Session", "SoakBlock", "SoakLine", "SoakTrace", "Stage", "TimerFacts", "Traces", "Unit",
           "UnitLine", "WarmUpFacts", "damage_text", "folder_of", "has_failed", "load_run", "unit_line", "unit_of"]
