# SPDX-License-Identifier: MIT
"""What bench-peers writes: the table, the summary, JSON, Markdown, plots.

A result is a dictionary: row, who, median, spread (least and most of the rounds), unit, rounds; or
row, who, why, where there is no figure. Of a sweep it has program and size too."""
import json
import os
import platform
import re
import subprocess

OURS = "hocket"
FLOORS = ("cpp20",)  # no runtimes: what the least by hand costs
RED, PALE = "#c0392b", "#9db4c8"
OUR_COLOURS = {"hocket": RED, "hocket_small": "#e91e8c", "hocket_stackless": "#e67e22",
               "hocket_epoll": "#8e44ad", "hocket_uring": "#c2185b",
               "hocket_parser": "#6d4c41"}
PEER_COLOURS = [0, 1, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]  # of tab20: no red


def is_ours(who):
    return who == OURS or who.startswith(OURS + "_")


def is_peer(who):
    return not is_ours(who) and who not in FLOORS


def number(value):
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return "%.*f" % (digits, value)


def rows_of(results):
    """[(row, those with a figure, best first, those without)] in the order of the rows."""
    names = list(dict.fromkeys(r["row"] for r in results))
    for name in names:
        here = [r for r in results if r["row"] == name]
        yield (name, sorted((r for r in here if "median" in r), key=lambda r: r["median"]),
               [r for r in here if "median" not in r])


def ours_of(figures):
    """The best of ours; None: there is none."""
    return next((r["median"] for r in figures if is_ours(r["who"])), None)


def ratio(result, ours):
    """How many times our best it takes; below 1: less than that."""
    return "%.2fx" % (result["median"] / ours) if ours else "-"


def table(results):
    """The whole table as text."""
    lines = ["value: median of the rounds; least, most: their spread; x ours: how many times what "
             "the best of ours takes", ""]
    for name, figures, missing in rows_of(results):
        unit = figures[0]["unit"] if figures else ""
        ours = ours_of(figures)
        lines.append("%-26s %10s %10s %10s %-10s %6s %8s" % (
            name, "value", "least", "most", unit, "rounds", "x ours"))
        for r in figures:
            lines.append("  %-24s %10s %10s %10s %-10s %6d %8s" % (
                r["who"], number(r["median"]), number(r["spread"][0]), number(r["spread"][1]), "",
                r["rounds"], ratio(r, ours)))
        lines += ["  %-24s %10s  %s" % (r["who"], "-", r["why"]) for r in missing]
        lines.append("")
    return "\n".join(lines)


def behind(results):
    """[(row, ours, the best of the others, how many are before us)] where ours is not first."""
    for name, figures, _ in rows_of(results):
        ours = [r for r in figures if is_ours(r["who"])]
        others = [r for r in figures if is_peer(r["who"])]
        if not ours or not others or ours[0]["median"] <= others[0]["median"]:
            continue
        yield (name, ours[0], others[0],
               sum(r["median"] < ours[0]["median"] for r in others))


def summary(results):
    lines = []
    for name, ours, best, before in behind(results):
        overlap = "; the spreads overlap" if ours["spread"][0] <= best["spread"][1] else ""
        lines.append("  %-24s %s %s, %s %s (%.2f of ours), %d before us%s" % (
            name, ours["who"], number(ours["median"]), best["who"], number(best["median"]),
            best["median"] / ours["median"], before, overlap))
    compared = sum(any(is_ours(r["who"]) for r in f) and any(is_peer(r["who"]) for r in f)
                   for _, f, _ in rows_of(results))
    head = "Ours is first in %d of %d rows that a peer has too (not counted as one: %s)." % (
        compared - len(lines), compared, ", ".join(FLOORS))
    return "\n".join([head] + (["Not first:"] + lines if lines else []))


def write_json(path, results):
    rows = [r for r in results if "median" in r]
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join("  " + json.dumps(r) for r in rows) + "\n]\n")


# ---- Markdown ----

def machine():
    """The machine, the kernel, the compiler, in a sentence."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="utf-8") as file:
        gib = int(re.search(r"MemTotal:\s*(\d+)", file.read()).group(1)) / (1 << 20)
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=False)
    return "%d processors (%s), %.0f GiB, Linux %s, gcc %s" % (
        os.cpu_count(), model.group(1) if model else platform.machine(), gib,
        platform.release().split("-")[0], gcc.stdout.strip() or "none")


def markdown(results, versions):
    lines = ["%s. %s. Median [least, most]; in brackets how many times our best."
             % (machine(), ", ".join("%s %s" % pair for pair in versions.items())), "",
             "| row | unit | ours | peers, the best first |", "| --- | --- | --- | --- |"]
    for name, figures, missing in rows_of(results):
        if not figures:
            continue
        ours = ours_of(figures)
        own = ["%s%s [%s, %s]" % ("" if r["who"] == OURS else r["who"][len(OURS) + 1:] + " ",
                                  number(r["median"]), number(r["spread"][0]),
                                  number(r["spread"][1])) for r in figures if is_ours(r["who"])]
        peers = ["%s %s (%s)" % (r["who"], number(r["median"]), ratio(r, ours))
                 for r in figures if not is_ours(r["who"])]
        peers += ["%s -" % r["who"] for r in missing]
        lines.append("| %s | %s | %s | %s |" % (name, figures[0]["unit"], "; ".join(own),
                                                ", ".join(peers)))
    return "\n".join(lines) + "\n"


# ---- plots ----

def plotting():
    """matplotlib's pyplot, or None."""
    try:
        import matplotlib
        matplotlib.use("svg")
        import matplotlib.pyplot as pyplot
    except ImportError:
        return None
    return pyplot


def plain_numbers(axis):
    """No powers of ten at a logarithmic axis; between them numbers where there is room."""
    import matplotlib.ticker
    axis.set_major_formatter(lambda value, _: "{:,g}".format(value) if value < 1e6
                             else "{:,.0f}".format(value))
    axis.set_minor_formatter(matplotlib.ticker.LogFormatter())


def bars(pyplot, path, name, figures):
    """One bar a contender, the best on top, its spread as a whisker."""
    figures = figures[::-1]
    values = [r["median"] for r in figures]
    wide = min(values) > 0 and max(values) / min(values) > 30
    fig, axes = pyplot.subplots(figsize=(7, 0.9 + 0.3 * len(figures)))
    errors = [[r["median"] - r["spread"][0] for r in figures],
              [r["spread"][1] - r["median"] for r in figures]]
    axes.barh([r["who"] for r in figures], values, xerr=errors, ecolor="#555555",
              error_kw={"lw": 1},
              color=[RED if is_ours(r["who"]) else PALE for r in figures])
    if wide:
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
    for at, r in enumerate(figures):
        axes.annotate(number(r["median"]), (r["spread"][1], at), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=8)
    axes.margins(x=0.12)
    axes.set_title("%s, %s%s" % (name, figures[0]["unit"], " (log scale)" if wide else ""),
                   fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for label in axes.get_yticklabels():
        if is_ours(label.get_text()):
            label.set_fontweight("bold")
    fig.tight_layout()
    fig.savefig(path)
    pyplot.close(fig)


def lines(pyplot, path, name, results):
    """How cost grows: a line a contender, over the size."""
    fig, axes = pyplot.subplots(figsize=(8, 5))
    ends = []
    for at, who in enumerate(dict.fromkeys(r["who"] for r in results)):
        points = sorted((r["size"], r["median"]) for r in results if r["who"] == who)
        colour = pyplot.cm.tab20(PEER_COLOURS[at % len(PEER_COLOURS)])
        style = {"color": OUR_COLOURS.get(who, RED), "lw": 2.5, "zorder": 5} \
            if is_ours(who) else {"color": colour, "lw": 1.2}
        axes.plot(*zip(*points), marker="o", ms=3, label=who, **style)
        ends.append((points[-1][1], who))
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_numbers(axes.xaxis)
    plain_numbers(axes.yaxis)
    axes.set_xlabel("size")
    axes.set_ylabel(results[0]["unit"])
    axes.set_title("%s, as its size grows" % name, fontsize=10)
    axes.grid(True, which="major", color="#dddddd", lw=0.6)
    order = {who: at for at, (_, who) in enumerate(sorted(ends, reverse=True))}
    handles, labels = axes.get_legend_handles_labels()
    sorted_pairs = sorted(zip(handles, labels), key=lambda pair: order[pair[1]])
    axes.legend(*zip(*sorted_pairs), fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5),
                frameon=False)
    fig.tight_layout()
    fig.savefig(path)
    pyplot.close(fig)


def plot(folder, results):
    """Returns how many plots were written."""
    pyplot = plotting()
    if pyplot is None:
        return 0
    count = 0
    for name, figures, _ in rows_of(results):
        if figures:
            bars(pyplot, os.path.join(folder, name + ".svg"), name, figures)
            count += 1
    return count


def plot_sweep(folder, results):
    pyplot = plotting()
    figures = [r for r in results if "median" in r]
    names = list(dict.fromkeys(r["line"] for r in figures)) if pyplot else []
    for name in names:
        lines(pyplot, os.path.join(folder, "sweep_%s.svg" % name), name,
              [r for r in figures if r["line"] == name])
    return len(names)
