#!/usr/bin/env python3
"""Plants incidents in a shop that works, one after the other, and measures when an alert says it, and when all is well
again after the deed that the runbook names.

    tests/incidents/play.py [--programs FOLDER] [--prometheus PROGRAM] [--home FOLDER] [--hold] [INCIDENT...]

The programs are those of a build, `target/release` if nothing is said. With `--hold` the addresses of
the admin listener and of Prometheus are printed, and it is repaired only after a line on standard input. One that this machine
can't play is told as not shown.
"""

import argparse
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import planted
from shop import ROOT, Customers, Shop, Watch, until

# AppendsSlow waits for five minutes, behind a window of five.
TO_BE_TOLD_S = 900
TO_BE_WELL_S = 900
TO_BEGIN_S = 60
ROOM = "700m"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", default=ROOT / "target/release")
    parser.add_argument("--prometheus", default=shutil.which("prometheus") or "prometheus")
    parser.add_argument("--home", default="/tmp/daybook-incidents")
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("incidents", nargs="*", metavar="INCIDENT", choices=[[], *(kind.__name__ for kind in planted.ALL)])
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = pathlib.Path(asked.home)
    home.mkdir(mode=0o755)
    # A disk of its own can be full without harm.
    is_mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=755", "daybook", home], check=False).returncode == 0
    shop = Shop(home, asked.programs)
    customers, watch = Customers(shop), Watch(shop, asked.prometheus)
    failed = True
    print("| incident | an alert is pending | it is raised | repaired and well again | the alert ends |\n|---|---|---|---|---|", flush=True)
    try:
        shop.start()
        shop.stock()
        for kind in planted.ALL:
            if not asked.incidents or kind.__name__ in asked.incidents:
                try:
                    told = play(kind(shop, customers), shop, customers, watch, asked.hold)
                except planted.Cannot as why:
                    told = f"not shown: {why} | | | "
                print(f"| {kind.__name__} | {told} |", flush=True)
        failed = False
    finally:
        watch.stop()
        shop.stop()
        # After a failure, logs are looked at.
        if not failed:
            if is_mounted:
                subprocess.run(["umount", home], check=True)
            shutil.rmtree(home)


def play(incident, shop, customers, watch, is_held):
    """The cells of its row."""
    until("the shop is ready", shop.is_ready, TO_BEGIN_S)
    customers.start()
    watch.start()
    try:
        until("customers are served", customers.are_served, TO_BEGIN_S)
        # Rates need two scrapes.
        time.sleep(45)
        began = time.monotonic()
        incident.plant()
        if is_held:
            held(shop, watch)
            pending = raised = "held"
        elif incident.alerts:
            pending, raised = seen(incident, watch, began)
        else:
            pending = raised = "none needed"
        names = incident.alerts
        repaired = time.monotonic()
        incident.repair()
        until("customers are served again", lambda: shop.is_ready() and customers.are_served(), TO_BE_WELL_S)
        well = time.monotonic() - repaired
        until(f"no {names} any more", lambda: not set(watch.alerts()) & set(names), TO_BE_WELL_S)
        over = f"{time.monotonic() - repaired:.0f} s" if names else ""
        return f"{pending} | {raised} | {well:.0f} s | {over}"
    finally:
        customers.stop()
        watch.stop()


def seen(incident, watch, began):
    pending = None
    while time.monotonic() - began < TO_BE_TOLD_S:
        alerts = {name: state for name, state in watch.alerts().items() if name in incident.alerts}
        now = time.monotonic() - began
        if alerts and pending is None:
            pending = f"{now:.0f} s"
        raised = [name for name, state in alerts.items() if state == "firing"]
        if raised:
            return pending, f"{', '.join(raised)}: {now:.0f} s"
        time.sleep(1)
    raise TimeoutError(f"none of {incident.alerts} within {TO_BE_TOLD_S} s; there are {watch.alerts()}")


def held(shop, watch):
    print(f"admin http://127.0.0.1:{shop.ports['admin']} alerts http://127.0.0.1:{watch.port} home {shop.home}", file=sys.stderr, flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
