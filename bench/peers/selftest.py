# SPDX-License-Identifier: MIT
"""The test of bench-peers itself: what is expected of rows, calibration, turns, failures, reports.

The contenders here are a shell script that does as its first argument says."""
import contextlib
import io
import json
import os
import tempfile

import report
import rows
import run
import runner
from contenders import Contender

FAKE = r"""
mode=$1; row=$2; size=$3; count=$4
[ "$row" = --rows ] && { echo "ring mutex_handoff"; exit; }
echo "$mode $row $count" >>"$OUT/log"
case $mode in
wrong) echo "cpu_ns=1000 wall_ns=1 count=$count check=7" ;;
half) echo "wall_ns=1 check=$count" ;;
other) echo "cpu_ns=$((size * 500)) wall_ns=1 count=$size check=$size" ;;
fails) echo "first" >&2; echo "no room for $size tasks" >&2; exit 3 ;;
dies) kill -SEGV $$ ;;
hangs) sleep 60 ;;
slow) sleep 0.3; echo "cpu_ns=300000000 wall_ns=1 count=$count check=$count" ;;
*) echo "cpu_ns=$((count * 1000)) wall_ns=1 count=$count check=$count" ;;
esac
"""
RING = rows.work("ring", 10)


def fake(mode, version="echo 1:2.3-4", build=""):
    return Contender(mode, version, build, "sh $OUT/fake.sh " + mode)


@contextlib.contextmanager
def stage(limit=10):
    with tempfile.TemporaryDirectory() as folder:
        made = runner.Stage(folder, limit)
        with open(os.path.join(made.out, "fake.sh"), "w", encoding="utf-8") as file:
            file.write(FAKE)
        yield made


def failure(function, *args):
    try:
        function(*args)
    except runner.Failure as why:
        return str(why)
    raise AssertionError("nothing failed")


def same(found, wanted):
    assert found == wanted, "%r instead of %r" % (found, wanted)


# ---- what is expected ----

def test_checks():
    def check(program, size, count):
        return rows.work(program, size).check(size, count)
    same(check("send_yield", 8, 24), sum(i + 1 for i in range(24)))
    same(check("send_yield", 8, 1 << 33), (1 << 32) * ((1 << 33) + 1) % (1 << 64))
    same(check("spawn_join", 10, 30), 3 * sum(range(10)))
    same(check("channel_buffered", 128, 1000), sum(range(1000)))
    same(check("skynet", 1000, rows.skynet_tasks(1000)), sum(range(1000)))
    same(rows.skynet_tasks(1000), 1111)
    same(check("timers", 3, 3), 1 + 1 + 7919 % 1000 + 1 + 15838 % 1000)
    same(check("files", 201, 201), (2 * sum(rows.file_value(i) for i in range(100))
                                    + rows.file_value(0)) % (1 << 64))


def test_files():
    with stage() as made:
        made.make_files(3, lambda i: i + 5)
        with open(os.path.join(made.files, "2"), "rb") as file:
            data = file.read()
        same((len(data), int.from_bytes(data[:8], "little")), (4096, 7))


def test_names():
    names = [row.name for row in rows.ROWS]
    same(len(set(names)), len(names))
    assert run.matches(rows.ROWS[1], "yield_2") and not run.matches(rows.ROWS[1], "yield_1")
    assert run.matches(rows.server("echo", 64), "echo_64_p99")


# ---- calibration ----

def calibrated(ns, row, base_ns=0):
    asked = []

    def once(count):
        asked.append(count)
        return {"cpu_ns": base_ns + ns * count}
    return runner.calibrate(once, row, 0.25), asked


def test_calibration():
    count, asked = calibrated(100, RING)
    same(count, 2500000)
    assert len(asked) < 8, asked
    assert all(n % 10 == 0 for n in asked), asked
    assert max(asked) <= count, asked
    assert max(calibrated(3000, RING)[1]) <= calibrated(3000, RING)[0]
    same(calibrated(10 ** 6, RING)[0], 250)
    same(calibrated(0, RING)[0] > 10 ** 9, True)  # it ends where nothing takes any time
    same(calibrated(1, rows.work("skynet", 100)), (111, []))
    same(runner.whole(RING, 1), 10)


# ---- one contender ----

def test_contender():
    with stage() as made:
        same(runner.version(made, fake("good")), "2.3")
        same(runner.version(made, fake("good", "false")), None)
        same(runner.build(made, fake("good")), ["ring", "mutex_handoff"])
        assert "cannot" in failure(runner.build, made, fake("good", build="echo cannot >&2; false"))


def test_work():
    with stage() as made:
        same(runner.work(made, fake("good"), RING, 50)["cpu_ns"], 50000)
        same(runner.work(made, fake("other"), RING, 55)["count"], 10)
        for mode, wanted in (("wrong", "its check is 7, not 50"), ("dies", "SIGSEGV"),
                             ("half", "its answer is not complete"),
                             ("fails", "no room for 10 tasks")):
            same(failure(runner.work, made, fake(mode), RING, 50), wanted)
        made.limit = 0.2
        same(failure(runner.work, made, fake("hangs"), RING, 50), "not done after 0.2 s")
        nobody = Contender("none", "true", "", "./there_is_no_such_program")
        assert "No such file" in failure(runner.work, made, nobody, RING, 50)


# ---- all of them ----

def race(made, modes, rounds, budget=100):
    entries = [run.Entry(fake(mode)) for mode in modes]
    progress = run.Progress(1)
    progress.begin_row()
    progress.show = lambda *_: None
    run.race(made, RING, entries, rounds, progress, budget, quick=True)
    return entries


def test_turns():
    with stage() as made:
        entries = race(made, ["a", "fails", "b"], 3)
        with open(os.path.join(made.out, "log"), encoding="utf-8") as file:
            order = [line.split()[0] for line in file]
        same(order, ["a", "fails", "b", "b", "a", "b", "a"])
        same([len(entry.answers) for entry in entries], [3, 0, 3])
        results = list(run.results_of(RING, entries))
        same(results[1], {"row": "ring", "who": "fails", "why": "no room for 10 tasks"})
        same((results[0]["median"], results[0]["rounds"]), (1000, 3))


def test_slow():
    with stage() as made:
        entry = run.Entry(fake("slow"))
        run.run_once(made, rows.work("ring", 1000), entry, False)
        with open(os.path.join(made.out, "log"), encoding="utf-8") as file:
            same(file.read(), "slow ring 1000\n")  # and not once more
        same(entry.count, 1000)


def test_median():
    entry = run.Entry(fake("a"))
    entry.answers = [{"cpu_ns": n * 50, "count": 50} for n in (1, 9, 2)]
    same(list(run.results_of(RING, [entry])),
         [{"row": "ring", "who": "a", "median": 2, "spread": [1, 9], "unit": "ns", "rounds": 3}])


def test_budget():
    with stage() as made:
        entries = race(made, ["a", "slow"], 3, budget=0.4)
        same([len(entry.answers) for entry in entries], [3, 1])


def test_skipping():
    with stage() as made, contextlib.redirect_stderr(io.StringIO()) as said:
        field = run.Field(made, [fake("good"), fake("gone", "false"),
                                 fake("broken", build="echo a missing header >&2; exit 1")])
    same([c.name for c in field.of(RING)], ["good"])
    same(field.of(rows.work("skynet", 10)), [])
    same(field.versions, {"good": "2.3"})
    assert "skipped gone: not installed" in said.getvalue()
    assert "skipped broken: does not build: a missing header" in said.getvalue()


# ---- reports ----

def results():
    def figure(row, who, median, least=None, most=None):
        return {"row": row, "who": who, "median": median, "unit": "ns", "rounds": 5,
                "spread": [least or median, most or median]}
    return [figure("a", "hocket", 10), figure("a", "x", 5), figure("a", "y", 40),
            figure("b", "hocket", 10), figure("b", "x", 20),
            {"row": "b", "who": "y", "why": "too slow"},
            figure("c", "hocket", 10, 8, 12), figure("c", "x", 9, 7, 11)]


def test_reports():
    text = report.table(results())
    assert "0.50x" in text and "4.00x" in text and "-  too slow" in text, text
    assert text.index(" x ") < text.index("hocket  "), text
    text = report.summary(results())
    assert "first in 1 of 3 rows" in text, text
    assert "x 5.00 (0.50 of ours), 1 before us\n" in text, text
    assert "1 before us; the spreads overlap" in text, text
    text = report.markdown(results(), {"hocket": "0.1", "x": "3"})
    assert "| b | ns | 10.0 [10.0, 10.0] | x 20.0 (2.00x), y - |" in text, text
    same([report.number(n) for n in (1.234, 56.78, 12345.6)], ["1.23", "56.8", "12346"])


def test_json():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "peers.json")
        report.write_json(path, results())
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    same(found, [r for r in results() if "median" in r])


def test_plots():
    with tempfile.TemporaryDirectory() as folder:
        wanted = ["a.svg", "b.svg", "c.svg", "sweep_a.svg"] if report.plotting() else []
        sweep = [dict(r, line="a", size=n) for n in (1, 10) for r in results()[:2]]
        same(report.plot(folder, results()) + report.plot_sweep(folder, sweep), len(wanted))
        same(sorted(os.listdir(folder)), wanted)
        for name in wanted:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                assert "hocket" in file.read(), name


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    wrong = 0
    for name, test in tests:
        try:
            test()
        except Exception as why:  # whatever it is, the others are to be run
            wrong += 1
            print("self-test: %s: %s" % (name, why or "wrong"))
    print("self-test: %d cases, %d wrong" % (len(tests), wrong))
    return 1 if wrong else 0
