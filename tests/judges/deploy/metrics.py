"""Holds the alerts and the dashboard against a server's metrics.

Each expression of a panel is wrapped as a recording rule, so that promtool reads it. Each name of a metric, in panels and
in rules, is looked up in a scrape. What a scrape lacks because it did not happen yet is listed below, with the reason.
promtool also says what it thinks of the names. Labels that are matched are those that the metric has. And each alert has a
test in which it is raised, and one in which it is not.

METRICS is the address to scrape, PROMTOOL the program, DEPLOY the folder with the files, SOURCES the one with the code.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

DEPLOY = pathlib.Path(os.environ["DEPLOY"])
SOURCES = pathlib.Path(os.environ["SOURCES"])
PROMTOOL = os.environ["PROMTOOL"]

# What Prometheus makes itself.
OF_PROMETHEUS = {"up", "ALERTS"}
MIRROR = "the role mirror needs another system, and judges have none"
FAULT = "counted when something breaks for the first time"
USED = "counted when it is used for the first time, and the judges that use it may have been skipped"
# A metric whose labels are not known before it is used may be missing in a scrape of a server that is well, so it is looked
# up in the code.
MAY_BE_MISSING = {
    "daybook_audit_findings_total": FAULT,
    "daybook_cache_hits_total": USED,
    "daybook_database_room_bytes": "it is told where a setting says it",
    "daybook_door_calls_total": USED,
    "daybook_door_connections": USED,
    "daybook_graphql_fields_total": USED,
    "daybook_graphql_look_ups_total": USED,
    "daybook_live_streams": USED,
    "daybook_mirror_diverged": MIRROR,
    "daybook_mirror_position": MIRROR,
    "daybook_mirror_up": MIRROR,
    "daybook_projection_stopped_total": FAULT,
    "daybook_rebuild_phase_seconds": "measured when a read model is rebuilt",
    "daybook_task_panics_total": FAULT,
}

# What Grafana fills in.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
# Words of PromQL that are not followed by a parenthesis.
WORDS = {"and", "or", "unless", "offset", "bool", "inf", "nan"}


def names(expression):
    """The metrics that an expression names."""
    bare = re.sub(r'"(\\.|[^"\\])*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    found = re.findall(r"(?<![\w:.])([A-Za-z_:][\w:]*)(?!\s*\()(?![\w:])", bare)
    return {name for name in found if name.lower() not in WORDS}


def rules(text):
    """What a file of rules has: (kind, name, expression) each. It reads the form that the file is written in."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        begun = re.match(r"      - (record|alert): (\S+)$", line)
        if begun:
            found.append([*begun.groups(), ""])
        said = re.match(r"        expr: (.*)$", line)
        if said and said[1] != ">-":
            found[-1][2] = said[1]
        elif said:
            block = []
            for further in lines[number + 1 :]:
                if not further.startswith("          "):
                    break
                block.append(further)
            found[-1][2] = "\n".join(block)
    return found


def expressions(dashboard):
    """What panels and variables ask: (title, expression) each."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        asked = re.match(r"label_values\((.*), *\w+\)$", variable.get("definition", ""))
        if asked:
            yield variable["name"], asked[1]


def filled_in(expression):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def promtool(*arguments, text=None):
    done = subprocess.run(
        [PROMTOOL, *arguments], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.strip()


def scraped(scrape):
    """The names that a scrape has, those of a histogram's parts too."""
    found = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", scrape, re.M):
        found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


def labels(scrape):
    """The labels that each metric has in a scrape, and those that Prometheus adds."""
    found = {}
    for name, inside in re.findall(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? \S+$", scrape, re.M):
        found.setdefault(name, {"job", "instance", "service"}).update(re.findall(r'(\w+)="', inside))
    return found


def main():
    findings = []
    with urllib.request.urlopen(os.environ["METRICS"], timeout=10) as answer:
        scrape = answer.read().decode()
    there, labelled = scraped(scrape), labels(scrape)
    homes = (SOURCES.glob("*/src/metrics.rs"), SOURCES.glob("api/*/src/metrics.rs"))
    text = "".join(path.read_text() for home in homes for path in home)
    declared = set(re.findall(r'"(daybook_\w+)"', text))

    dashboard = json.loads((DEPLOY / "grafana/daybook.json").read_text())
    panels = [(title, filled_in(expression)) for title, expression in expressions(dashboard)]
    wrapped = [
        {"record": f"panel:{number}:{re.sub(r'[^A-Za-z0-9]+', '_', title)}", "expr": expression}
        for number, (title, expression) in enumerate(panels)
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"groups": [{"name": "panels", "rules": wrapped}]}, file)
        file.flush()
        status, said = promtool("check", "rules", file.name)
        if status != 0:
            findings.append(f"panels: {said}")

    alerts = rules((DEPLOY / "prometheus/alerts.yml").read_text())
    recorded = {name for kind, name, _ in alerts if kind == "record"}
    asked, used = [*panels, *((name, expression) for _, name, expression in alerts)], set()
    for title, expression in asked:
        named = names(expression)
        if not named:
            findings.append(f"{title}: no metric was found in {expression!r}")
        used |= named
        for name, matchers in re.findall(r"([\w:]+)\{([^}]*)\}", expression):
            unknown = set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', matchers)) - labelled.get(name, set())
            if name in labelled and unknown:
                findings.append(f"{title}: {name} has no {', '.join(sorted(unknown))}")
        for name in sorted(named - recorded - OF_PROMETHEUS - there):
            if name not in MAY_BE_MISSING:
                findings.append(f"{title}: a scrape has no {name}")
    for name in sorted(recorded - used):
        findings.append(f"nothing asks for the record {name}")
    for name in MAY_BE_MISSING:
        if name not in declared:
            findings.append(f"{name} may be missing, but is not declared anywhere")
        if name not in used:
            findings.append(f"{name} may be missing, but nothing asks for it")

    tests = (DEPLOY / "prometheus/alerts_test.yml").read_text()
    for name in (name for kind, name, _ in alerts if kind == "alert"):
        asked_for = re.split(r"\n      - expr: ", tests)
        own = [test for test in asked_for if test.startswith(f'ALERTS{{alertname="{name}"')]
        if not any(f'alertname="{name}",alertstate="firing"' in test.partition("exp_samples:")[2] for test in own):
            findings.append(f"no test raises {name}")
        if not any("exp_samples:" not in test.partition("\n  - ")[0] for test in own):
            findings.append(f"no test has {name} not raised")

    status, said = promtool("check", "metrics", text=scrape)
    if status != 0:
        findings.append(f"promtool check metrics: {said}")

    print("\n".join(findings))
    print(f"{len(panels)} expressions of panels, {len(alerts)} rules, {len(there)} metrics, {len(findings)} findings")
    sys.exit(1 if findings else 0)


main()
