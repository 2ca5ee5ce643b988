#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench-peers: each row, done by ours and by each peer that is here, by turns.

In each round every contender runs once, pinned to one processor (a server's load has the other), in
a process of its own; then comes the next round. A contender that is not installed, does not build,
takes too long or gives a wrong answer has "-" and the reason in the place of its figure."""
import argparse
import fnmatch
import os
import shutil
import statistics
import sys
import time

import contenders
import report
import rows
import runner
import selftest
from runner import Failure

ROUNDS, SWEEP_ROUNDS = 5, 1
LIMIT_S, SWEEP_LIMIT_S = 60, 30  # for one run
SWEEP_TARGET_S = 0.1
BUDGET_S = 8        # no further round for a contender that would have had more than this in a row


class Field:
    """The contenders that take part, and their rows."""

    def __init__(self, stage, wanted):
        self.stage, self.versions, self.here = stage, {}, []
        for contender in wanted:
            found = runner.version(stage, contender)
            if found is None:
                self.skip(contender, "not installed")
                continue
            if contender.build:
                say("building %s %s" % (contender.name, found))
            try:
                self.here.append((contender, set(runner.build(stage, contender))))
                self.versions[contender.name] = found
            except Failure as why:
                self.skip(contender, "does not build: %s" % why)

    def skip(self, contender, why):
        print("skipped %s: %s" % (contender.name, why), file=sys.stderr)

    def of(self, row):
        return [contender for contender, have in self.here if row.program in have]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Progress:
    """[3/57] row who round, and the time that is left by what was needed so far."""

    def __init__(self, total):
        self.total, self.done, self.start = total, 0, time.monotonic()

    def begin_row(self):
        self.done += 1

    def left(self):
        done = self.done - 1
        if done == 0:
            return "?"
        seconds = (time.monotonic() - self.start) / done * (self.total - done)
        return "%d:%02d" % divmod(seconds, 60)

    def show(self, row, who, what):
        say("[%d/%d] %s %s %s, %s left" % (self.done, self.total, row, who, what, self.left()))


class Entry:
    """A contender in a row: how much it does in a run, and its answers so far."""

    def __init__(self, contender):
        self.contender, self.count, self.answers = contender, None, []
        self.server = None
        self.why, self.seconds = None, 0.0

    def has_time(self, budget):
        each = self.seconds / len(self.answers) if self.answers else 0
        return self.seconds + each <= budget


def run_once(stage, row, entry, quick):
    if row.kind != "work":
        entry.server = entry.server or runner.Server(stage, entry.contender, row, quick)
        return entry.server.round(quick)
    if quick and row.step:
        entry.count = runner.whole(row, 100)
    if entry.count is None:
        tried = {}
        entry.count = runner.calibrate(
            lambda count: tried.setdefault(count, run_work(stage, row, entry, count)),
            row, stage.target)
        if entry.count in tried:  # so slow that it cannot do less
            return tried[entry.count]
    return run_work(stage, row, entry, entry.count)


def run_work(stage, row, entry, count):
    return runner.work(stage, entry.contender, row, count)


def race(stage, row, entries, rounds, progress, budget=BUDGET_S, quick=False):
    """All rounds of a row: in each, every contender once; somebody else begins each time."""
    try:
        for number in range(rounds):
            first = number % len(entries) if entries else 0
            for entry in entries[first:] + entries[:first]:
                if entry.why or not entry.has_time(budget):
                    continue
                progress.show(row.name, entry.contender.name,
                              "round %d of %d" % (number + 1, rounds))
                take_turn(stage, row, entry, quick)
    finally:
        for entry in entries:
            if entry.server:
                entry.server.end()


def take_turn(stage, row, entry, quick):
    begin = time.monotonic()
    try:
        entry.answers.append(run_once(stage, row, entry, quick))
    except Failure as why:
        entry.why = str(why)
    entry.seconds += time.monotonic() - begin


def results_of(row, entries):
    """The lines of the table that a row makes. One failure is enough for having no figure."""
    for suffix, unit, value in row.values:
        for entry in entries:
            result = {"row": row.name + suffix, "who": entry.contender.name}
            if entry.why:
                result["why"] = entry.why
            else:
                values = [value(answer) for answer in entry.answers]
                result.update(median=statistics.median(values), spread=[min(values), max(values)],
                              unit=unit, rounds=len(values))
            yield result


def matches(row, pattern):
    names = [row.name + suffix for suffix, _, _ in row.values]
    return any(fnmatch.fnmatch(name, "*%s*" % pattern) for name in names)


def run_rows(stage, field, wanted, args):
    results, progress = [], Progress(len(wanted))
    for row in wanted:
        progress.begin_row()
        entries = [Entry(contender) for contender in field.of(row)]
        race(stage, row, entries, args.rounds or ROUNDS, progress)
        results += results_of(row, entries)
    return results


def run_sweep(stage, field, wanted, args):
    """Row by row, the sizes growing; whoever fails at a size is not asked for a larger one."""
    results, progress, out = [], Progress(len(wanted)), {}
    for row in wanted:
        progress.begin_row()
        entries = [Entry(contender) for contender in field.of(row)
                   if (row.program, contender.name) not in out]
        race(stage, row, entries, args.rounds or SWEEP_ROUNDS, progress)
        for entry in entries:
            if entry.why:
                out[row.program, entry.contender.name] = entry.why
        for result in results_of(row, entries):
            suffix = result["row"][len(row.name):]
            results.append(dict(result, line=row.program + suffix, size=row.size))
    return results


def quick(stage, field):
    """Tiny work, no figures: a test of the programs. Prints the checks, which were right."""
    failed = passed = 0
    progress = Progress(len(rows.QUICK))
    progress.show = lambda *_: None
    for row in (r for r in rows.QUICK if r.kind != "http" or shutil.which("wrk")):
        progress.begin_row()
        entries = [Entry(contender) for contender in field.of(row)]
        race(stage, row, entries, 1, progress, quick=True)
        for entry in entries:
            failed, passed = failed + bool(entry.why), passed + (not entry.why)
            if entry.why:
                print("FAILED %s of %s: %s" % (row.name, entry.contender.name, entry.why))
            elif row.kind == "work":
                print("%-20s %-20s %d" % (row.name, entry.contender.name,
                                          entry.answers[0]["check"]))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


def finish(stage, field, results, args):
    if args.sweep:
        report.write_json(os.path.join(stage.build, "peers_sweep.json"), results)
        plots = report.plot_sweep(stage.out, results)
    else:
        report.write_json(os.path.join(stage.build, "peers.json"), results)
        plots = report.plot(stage.out, results)
    print(report.table(results))
    print(report.summary(results))
    if args.markdown:
        with open(args.markdown, "w", encoding="utf-8") as file:
            file.write(report.markdown(results, field.versions))
    say("%d plots in %s" % (plots, stage.out) if plots else "no plots: there is no matplotlib")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog="PATTERN: rows whose name "
                                     "contains it (as a shell pattern); none: all")
    add = parser.add_argument
    add("pattern", nargs="*", metavar="PATTERN")
    add("--rounds", type=int, default=0, help="rounds of each row (%d)" % ROUNDS)
    add("--who", default="*", metavar="NAMES",
        help="these contenders alone: patterns, commas between them")
    add("--sweep", action="store_true", help="the rows that have a size, at all sizes")
    add("--markdown", metavar="FILE", help="write the table as Markdown too")
    add("--build", default=os.environ.get("BUILD", "build"), metavar="DIR",
        help="the build folder (build)")
    add("--list", action="store_true", help="the rows and the contenders")
    add("--quick", action="store_true", help="tiny work, whose checks are printed: a test")
    add("--self-test", action="store_true", help="a test of this program")
    return parser.parse_args()


def main():
    args = parse_arguments()
    if args.self_test:
        return selftest.main()
    wanted = [row for row in (rows.sweeps() if args.sweep else rows.ROWS)
              if not args.pattern or any(matches(row, pattern) for pattern in args.pattern)]
    who = [c for c in contenders.CONTENDERS
           if any(fnmatch.fnmatch(c.name, name) for name in args.who.split(","))]
    if args.list:
        print("rows: %s" % " ".join(row.name for row in wanted))
        print("contenders: %s" % " ".join(c.name for c in who))
        return 0
    if not wanted or not who:
        print("run.py: no such row, or no such contender (--list)", file=sys.stderr)
        return 2
    stage = runner.Stage(args.build, SWEEP_LIMIT_S, SWEEP_TARGET_S) if args.sweep \
        else runner.Stage(args.build, LIMIT_S)
    stage.make_files(rows.FILES, rows.file_value)
    field = Field(stage, who)
    if args.quick:
        return quick(stage, field)
    finish(stage, field, (run_sweep if args.sweep else run_rows)(stage, field, wanted, args), args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
