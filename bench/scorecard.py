"""How often each rule is wrong while nothing is, and how soon it finds what is: a seeded simulation.

Hindsight's default rules are run as they are, `examine` by `examine`; the others are formulas of a line each.
The tables are printed and written into docs/scorecard.md between two marks, so that the page says what was
measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from bench_engine import Settings
from rich.console import Console
from rich.table import Table

from hindsight.detectors import BaseDetector, Point, Series
from hindsight.detectors.defaults import default_rules
from hindsight.domain.spec import GroundTruth, LabelColumns, MonitorSpec, PredictionColumns, PredictionLog
from hindsight.domain.spec import Reference as ReferenceSpan
from hindsight.domain.values import Maturity, Severity, Status, Task, Verdict
from hindsight.incidents.course import RECOVERY
from hindsight.metrics import find
from hindsight.metrics.estimate import estimate

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "scorecard.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

ACCURACY: Final = 0.90
REFERENCE: Final = 31
"""Days of the reference, drawn anew in every world."""
BEFORE: Final = 28
"""Days between the reference and the first that counts, so that every rule has the days it looks back on."""
QUIET: Final = 90
CHANGED: Final = 60
FIRST: Final = date(2024, 1, 1)

ACCURACY_METRIC: Final = find("accuracy")

PORTION: Final = 50
"""Worlds of one job; small, so that all cores end at about the same time."""

Array = Any


@dataclass(frozen=True)
class Setting:
    """How the days of a world come about while nothing is wrong."""

    name: str
    rows: int = 1000
    weekend: float = 0.0
    """How much lower accuracy is on Saturday and Sunday; the mean stays."""
    spread: float = 1.0
    """The standard deviation of a day's accuracy in units of the binomial one."""
    memory: float = 0.0
    """The correlation of what neighbouring days have in common."""
    covered: float = 1.0
    """The share of rows that have a label at the horizon."""
    easier: float = 0.0
    """How much more accurate rows are whose labels are early than all rows."""


SETTINGS: Final = (
    Setting("1,000 rows a day"),
    Setting("100 rows a day", rows=100),
    Setting("10,000 rows a day", rows=10_000),
    Setting("weekends 5 points lower", weekend=0.05),
    Setting("days differ 6 times as much", spread=6.0),
    Setting("days differ twice as much, and depend", spread=2.0, memory=0.5),
    Setting("84 % labelled, at random", covered=0.84),
    Setting("84 % labelled, the easier first", covered=0.84, easier=0.02),
)


@dataclass(frozen=True)
class Fall:
    """What goes wrong: points of accuracy at once, or a day."""

    name: str
    step: float = 0.0
    ramp: float = 0.0

    def after(self, days: Array) -> Array:
        """How much accuracy is lost so many days after it began, from 0."""
        return np.where(days >= 0, self.step + self.ramp * (days + 1), 0.0)


FALLS: Final = (
    Fall("step of 1 point", step=0.01),
    Fall("step of 2 points", step=0.02),
    Fall("step of 5 points", step=0.05),
    Fall("0.1 points a day", ramp=0.001),
    Fall("0.3 points a day", ramp=0.003),
    Fall("0.5 points a day", ramp=0.005),
)
TWO_POINTS: Final = FALLS[1]


@dataclass(frozen=True)
class Worlds:
    """Many worlds of one setting: right decisions and labelled rows by day, [worlds, days].

    `final` is the accuracy of the reference's days once all labels are there: what a rule goes by that
    takes its baseline from old days and judges young ones.
    """

    right: Array
    rows: Array
    final: Array

    @property
    def daily(self) -> Array:
        return self.right / np.maximum(self.rows, 1)


def worlds(setting: Setting, fall: Fall | None, count: int, days: int, rng: np.random.Generator) -> Worlds:
    """Draw worlds: a reference, the days up to the one at which the fall begins, and those after it."""
    total = REFERENCE + BEFORE + days
    at = np.arange(total)
    weekend = ((at + FIRST.weekday()) % 7) >= 5
    level = ACCURACY + setting.weekend * (2 / 7 - weekend)
    mean = np.broadcast_to(level, (count, total))
    if setting.spread > 1:
        binomial = (ACCURACY * (1 - ACCURACY) / setting.rows) ** 0.5
        extra = binomial * (setting.spread**2 - 1) ** 0.5
        mean = mean + extra * common(count, total, setting.memory, rng)
    if fall is not None:
        mean = mean - fall.after(at - REFERENCE - BEFORE)
    mean = np.clip(mean, 0.02, 0.995)
    known = rng.binomial(setting.rows, setting.covered, (count, total))
    early = rng.binomial(known, np.clip(mean + setting.easier, 0, 1))
    share = setting.covered / (1 - setting.covered) if setting.covered < 1 else 0.0
    late = rng.binomial(setting.rows - known, np.clip(mean - setting.easier * share, 0, 1))
    final = ((early + late) / setting.rows)[:, :REFERENCE]
    return Worlds(early, known, final)


def common(count: int, days: int, memory: float, rng: np.random.Generator) -> Array:
    """What all rows of a day have in common: normal, of variance 1, autoregressive with this memory."""
    noise = rng.standard_normal((count, days))
    made = noise.copy()
    for day in range(1, days):
        made[:, day] = memory * made[:, day - 1] + (1 - memory**2) ** 0.5 * noise[:, day]
    return made


# The rules of others: from a day's values [worlds, days] and the reference's final ones, breaches by day.


@dataclass(frozen=True)
class Rival:
    """A rule on daily values; `bound` is what a tuned one moves."""

    name: str
    bound: float
    score: Callable[[Worlds], Array]
    """How far beyond the reference a day is, in the rule's own unit: above `bound` it breaches."""

    def breaches(self, made: Worlds, bound: float | None = None) -> Array:
        return self.score(made) > (self.bound if bound is None else bound) + 1e-12


def share_lost(made: Worlds) -> Array:
    return 1 - made.daily / made.final.mean(axis=1, keepdims=True)


def share_moved(made: Worlds) -> Array:
    return np.abs(share_lost(made))


def deviations(made: Worlds, reference: Array | None = None) -> Array:
    known = made.final if reference is None else reference
    centre, spread = known.mean(axis=1, keepdims=True), known.std(axis=1, keepdims=True)
    upper = np.where(made.daily > centre, (made.daily - centre) / spread, 0.0)
    within = centre + 3 * spread < 1  # an upper bound beyond 1 is none
    return np.maximum((centre - made.daily) / spread, np.where(within, upper, 0.0))


def deviations_at_equal_age(made: Worlds) -> Array:
    """The same, with the reference's days as they were known at the age at which days are judged."""
    return deviations(made, made.daily[:, :REFERENCE])


def falling(made: Worlds) -> Array:
    x = np.arange(7) - 3.0
    windows = np.lib.stride_tricks.sliding_window_view(made.daily, 7, axis=1)
    slope = windows @ x / (x @ x)
    return np.concatenate([np.full((len(slope), 6), -np.inf), -slope], axis=1)


RIVALS: Final = (
    Rival("5 % below, by day", 0.05, share_lost),
    Rival("slope < -0.01, 7 days", 0.01, falling),
    Rival("NannyML: 3 sigma", 3.0, deviations),
    Rival("3 sigma, equal age", 3.0, deviations_at_equal_age),
    Rival("Evidently: 20 %", 0.20, share_moved),
)


def defaults() -> tuple[BaseDetector, ...]:
    """What Hindsight runs on the accuracy of a monitor whose file names no rules."""
    columns = PredictionColumns(id="id", time="at", prediction="said")
    spec = MonitorSpec(
        monitor="scorecard",
        owner="bench",
        task=Task.BINARY,
        predictions=PredictionLog(table="predictions", columns=columns),
        ground_truth=GroundTruth(
            table="labels", columns=LabelColumns(id="id", actual="actual", time="known")
        ),
        reference=ReferenceSpan(FIRST, FIRST + timedelta(days=REFERENCE - 1)),
        metrics=("accuracy",),
    )
    return tuple(rule for rule in default_rules(spec) if rule.metric == "accuracy")


class World:
    """One world as detectors see it: every window that they ask for, as the pipeline would hand it over."""

    def __init__(self, made: Worlds, which: int) -> None:
        self.terms = np.stack([made.right[which], made.rows[which]], axis=1).astype(float)
        self.pooled: dict[int, Any] = {}
        self.singles = [self.point(day, 1) for day in range(len(self.terms))]
        self.reference = self.point(REFERENCE - 1, REFERENCE)
        self.days = tuple(self.singles[:REFERENCE])

    def point(self, last: int, length: int) -> Point:
        if length not in self.pooled:
            self.pooled[length] = estimate(ACCURACY_METRIC, self.terms, length)
        found, at = self.pooled[length], last - length + 1
        return Point(
            start=FIRST + timedelta(days=at),
            end=FIRST + timedelta(days=last),
            value=float(found.value[at]),
            standard_error=float(found.standard_error[at]),
            n=round(float(found.rows[at])),
            coverage=1.0,
            maturity=Maturity.MATURE,
            status=Status.OK,
        )

    def series(self, rule: BaseDetector, last: int) -> Series:
        length = rule.window.count
        latest = self.singles[last] if length == 1 else self.point(last, length)
        days: Sequence[Point] = ()
        if rule.judges_days:
            days = self.singles[max(last + 1 - rule.reach.count, REFERENCE) : last + 1]
        overlaps = last - length + 1 < REFERENCE
        return Series(
            ACCURACY_METRIC,
            latest,
            tuple(days),
            reference=None if overlaps else self.reference,
            reference_days=() if overlaps else self.days,
            no_reference="the window overlaps the reference" if overlaps else None,
        )


def opened(breach: Array, well: Array) -> list[int]:
    """The days on which an incident opens, from verdicts by rule and day [rules, days].

    It closes once each rule that breached has been well twice in a row, as in `hindsight.incidents`.  A
    return within the days for which a monitor would reopen the incident counts as another one: no rule is
    flattered by it.
    """
    found: list[int] = []
    clear: dict[int, int] = {}
    for day in range(breach.shape[1]):
        bad = np.flatnonzero(breach[:, day])
        if len(bad) and not clear:
            found.append(day)
        for rule in list(clear):
            if well[rule, day]:
                clear[rule] += 1
                if clear[rule] == RECOVERY:
                    del clear[rule]
        clear |= dict.fromkeys(bad.tolist(), 0)
    return found


@dataclass(frozen=True)
class Job:
    """Some worlds of one setting, with what goes wrong in them, for one process."""

    setting: int
    fall: int | None
    count: int
    seed: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """Of each world: openings in the first 30 and in all days, or days until found; [worlds, rules].

    `plain` are those of Hindsight in all days if its incidents end as its rivals' do, [worlds].
    """

    first: Array
    all: Array
    plain: Array


def run(job: Job) -> Result:
    """One process's worlds: a rule after the other over all days that count."""
    setting = SETTINGS[job.setting]
    fall = None if job.fall is None else FALLS[job.fall]
    days = QUIET if fall is None else CHANGED
    made = worlds(setting, fall, job.count, days, np.random.default_rng(job.seed))
    begin = REFERENCE + BEFORE
    rules = defaults()
    others = [rival.breaches(made)[:, begin:] for rival in RIVALS]
    first, total, plain = [], [], []
    for which in range(job.count):
        world = World(made, which)
        verdicts = [judged(world, rules, begin, days, until_found=fall is not None)]
        verdicts += [(each[which : which + 1], ~each[which : which + 1]) for each in others]
        if fall is None:
            openings = [opened(breach, well) for breach, well in verdicts]
            first.append([sum(day < 30 for day in found) for found in openings])
            total.append([len(found) for found in openings])
            ours = verdicts[0][0]
            plain.append(len(opened(ours, ~ours)))
        else:
            total.append([delay(breach) for breach, _ in verdicts])
    return Result(np.array(first), np.array(total), np.array(plain))


def judged(
    world: World, rules: Sequence[BaseDetector], begin: int, days: int, *, until_found: bool
) -> tuple[Array, Array]:
    """Every rule's verdict on every day: breaches, and judgements that count towards recovery."""
    breach = np.zeros((len(rules), days), dtype=bool)
    well = np.zeros((len(rules), days), dtype=bool)
    for day in range(days):
        for i, rule in enumerate(rules):
            finding = rule.examine(world.series(rule, begin + day))
            breach[i, day] = finding.verdict is Verdict.BREACH
            well[i, day] = (
                finding.verdict is Verdict.CLEAR and rule.severity_of(finding) is not Severity.WATCH
            )
        if until_found and breach[:, day].any():
            break
    return breach, well


def delay(breach: Array) -> float:
    """Days until the first breach, the first changed day being 1; infinite if there is none."""
    found = np.flatnonzero(breach.any(axis=0))
    return float(found[0] + 1) if len(found) else np.inf


def scorecard(console: Console, settings: Settings) -> None:
    """Simulate everything, print it, and write it into the page."""
    jobs = [
        Job(i, j, min(PORTION, count - first), (settings.seed, i, len(FALLS) if j is None else j, first))
        for i in range(len(SETTINGS))
        for j in (None, *range(len(FALLS)))
        for count in [worlds_of(i, j, settings.scale)]
        for first in range(0, count, PORTION)
    ]
    found: dict[tuple[int, int | None], list[Result]] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for job, result in zip(jobs, pool.map(run, jobs), strict=True):
            found.setdefault((job.setting, job.fall), []).append(result)
    measured = {
        key: Result(
            *(np.concatenate([getattr(r, name) for r in results]) for name in ("first", "all", "plain"))
        )
        for key, results in found.items()
    }
    ours, quick = measured[0, None].all[:, 0], measured[0, FALLS.index(TWO_POINTS)].all[:, 0]
    rivals = as_quick(quick, settings)
    sheets = [
        reached(measured, rivals),
        *quiet(measured),
        both_ways(measured),
        tuned(ours, rivals, quick),
        *delays(measured),
    ]
    for sheet in sheets:
        console.print(sheet.table())
    if settings.scale != 1.0:
        console.print(f"{PAGE.name} is left as it is: it holds a run at full scale")
        return
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    written = "\n\n".join(sheet.markdown() for sheet in sheets)
    seed = f"Seed {settings.seed}; numpy {np.__version__}."
    page = f"{before}{BEGIN}\n\n{seed}\n\n{written}\n\n{END}{rest.split(END)[1]}"
    PAGE.write_text(page, encoding="utf-8")


def worlds_of(setting: int, fall: int | None, scale: float) -> int:
    """How many worlds are drawn: more in the setting that the reach is about."""
    count = (2000 if fall is None else 500) if setting == 0 else (400 if fall is None else 150)
    return max(round(count * scale), 20)


@dataclass(frozen=True)
class Sheet:
    """A table, to be printed and written."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def table(self) -> Table:
        made = Table(title=self.title, caption=self.note)
        for i, column in enumerate(self.columns):
            made.add_column(column, justify="right" if i else "left")
        for row in self.rows:
            made.add_row(*row)
        return made

    def markdown(self) -> str:
        lines = [self.columns, ("---", *("---:" for _ in self.columns[1:])), *self.rows]
        return f"### {self.title}\n\n{self.note}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in lines)


NAMES: Final = ("Hindsight", *(rival.name for rival in RIVALS))


def rate(counts: Array) -> str:
    """A mean with the half width of its 95 % interval; of none, what the truth is below (3 / n)."""
    if not counts.any():
        return f"0 (< {3 / len(counts):.2g})"
    digits = 2 if counts.mean() >= 0.1 else 3
    return f"{counts.mean():.{digits}f} ± {1.96 * counts.std(ddof=1) / len(counts) ** 0.5:.{digits}f}"


def quiet(measured: dict[tuple[int, int | None], Result]) -> Iterable[Sheet]:
    """False alarms while nothing is wrong."""
    for title, name in (("30", "first"), ("90", "all")):
        rows = [
            (setting.name, *(rate(counts) for counts in getattr(measured[i, None], name).T))
            for i, setting in enumerate(SETTINGS)
        ]
        note = "Incidents opened while nothing is wrong, mean over worlds and its 95 % interval."
        yield Sheet(f"False alarms in {title} days", note, ("setting", *NAMES), rows)


def both_ways(measured: dict[tuple[int, int | None], Result]) -> Sheet:
    """Hindsight's openings, counted by its own rule of recovery and by that of the others."""
    rows = [
        (setting.name, rate(found.all[:, 0]), rate(found.plain))
        for i, setting in enumerate(SETTINGS)
        for found in [measured[i, None]]
    ]
    note = (
        "Hindsight's in 90 days: with what is only watched holding an incident open, as it is run, and with "
        "every day that is no breach counting as clear, as it is for the others."
    )
    return Sheet("False alarms counted both ways", note, ("setting", "as it is run", "as the others"), rows)


def summary(found: Array) -> str:
    """Median, mean, 90 % and share found; who is not found counts as the last day in the mean."""
    middle, most = (MEASURES[name](found) for name in ("median", "90 %"))
    middle_, most_ = (f"{each:.0f}" if np.isfinite(each) else f"> {CHANGED}" for each in (middle, most))
    return f"{middle_} · {MEASURES['mean'](found):.1f} · {most_} · {np.isfinite(found).mean():.0%}"


def delays(measured: dict[tuple[int, int | None], Result]) -> Iterable[Sheet]:
    """Days until what is wrong is found."""
    for i, setting in enumerate(SETTINGS):
        rows = [
            (fall.name, *(summary(each) for each in measured[i, j].all.T)) for j, fall in enumerate(FALLS)
        ]
        note = f"Days to detect: median · mean (at most {CHANGED}) · 90 % · found within {CHANGED} days."
        yield Sheet(f"Days to detect: {setting.name}", note, ("what goes wrong", *NAMES), rows)


MEASURES: Final[dict[str, Callable[[Array], float]]] = {
    "median": lambda found: float(np.quantile(found, 0.5, method="higher")),
    "mean": lambda found: float(np.minimum(found, CHANGED).mean()),
    "90 %": lambda found: float(np.quantile(found, 0.9, method="higher")),
}
"""What "the same delay" may mean."""


@dataclass(frozen=True)
class Tuned:
    """A rival whose bound was moved until it is as quick as Hindsight, by one measure of delay."""

    rival: str
    measure: str
    bound: float
    openings: Array
    """In 90 days, by world."""


def as_quick(ours: Array, settings: Settings) -> list[Tuned]:
    """Every rival with the largest bound at which its delay for two points is at most Hindsight's."""
    rng = np.random.default_rng((settings.seed, 1000))
    changed = worlds(SETTINGS[0], TWO_POINTS, 4000, CHANGED, rng)
    calm = worlds(SETTINGS[0], None, 1000, QUIET, rng)
    found = []
    for rival in RIVALS:
        score = rival.score(changed)[:, REFERENCE + BEFORE :]
        for name, measure in MEASURES.items():
            low, high = 0.0, float(score[np.isfinite(score)].max())
            for _ in range(40):
                middle = (low + high) / 2
                breach = score > middle
                delays = np.where(breach.any(axis=1), breach.argmax(axis=1) + 1.0, np.inf)
                low, high = (middle, high) if measure(delays) <= measure(ours) else (low, middle)
            days = rival.breaches(calm, low)[:, REFERENCE + BEFORE :]
            openings = np.array([len(opened(each[None], ~each[None])) for each in days])
            found.append(Tuned(rival.name, name, low, openings))
    return found


def tuned(ours: Array, rivals: Sequence[Tuned], delays: Array) -> Sheet:
    """The rivals, each made as quick as Hindsight on a step of two points."""
    rows = [("Hindsight", *(rate(ours) for _ in MEASURES))]
    for rival in RIVALS:
        cells = [
            f"{rate(each.openings)} ({ratio(ours, each.openings)}, bound {each.bound:.3g})"
            for each in rivals
            if each.rival == rival.name
        ]
        rows.append((rival.name, *cells))
    note = (
        f"Each rival's bound is moved until its delay for a {TWO_POINTS.name} at {SETTINGS[0].name} is "
        "Hindsight's; then false alarms in 90 days, how many to one of ours, and the bound."
    )
    columns = (f"the same {name}, {measure(delays):.3g} days" for name, measure in MEASURES.items())
    return Sheet("At the same delay", note, ("rule", *columns), rows)


def ratio(ours: Array, theirs: Array) -> str:
    """How many of theirs there are to one of ours; where we have none, to what ours is surely below."""
    return (
        f"{theirs.mean() / ours.mean():.1f} ×" if ours.any() else f"> {theirs.mean() * len(ours) / 3:.1f} ×"
    )


def reached(measured: dict[tuple[int, int | None], Result], rivals: Sequence[Tuned]) -> Sheet:
    """What Hindsight set out to reach in the first setting, and whether it does."""
    false = measured[0, None].all[:, 0]
    ramp, step = measured[0, 4].all[:, 0], measured[0, 1].all[:, 0]
    quietest = min(rivals, key=lambda each: float(each.openings.mean()))
    share = max(float(false.mean()), 0.0) / float(quietest.openings.mean())
    rows = [
        ("false alarms in 90 days", "below 0.1", rate(false), false.mean() < 0.1),
        (f"days to detect {FALLS[4].name}", "14", summary(ramp), MEASURES["median"](ramp) <= 14),
        (f"days to detect a {TWO_POINTS.name}", "5", summary(step), MEASURES["median"](step) <= 5),
        (
            f"false alarms over the least of a rival as quick ({quietest.rival}, by the {quietest.measure})",
            "at most 1/3",
            f"{share:.2f}",
            share <= 1 / 3,
        ),
    ]
    told = [(what, reach, figure, "ok" if kept else "missed") for what, reach, figure, kept in rows]
    note = f"At {SETTINGS[0].name}, independent, accuracy {ACCURACY:.2f}; of delays the median counts."
    return Sheet("What is to be reached", note, ("figure", "reach", "Hindsight", ""), told)
