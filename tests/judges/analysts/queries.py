"""Asks the queries of docs/analysts.md of Parquet files and of the views, and holds the answers against each other.

It exports the log through the door, with an analyst's token. The addresses come from the environment.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

import duckdb

API = os.environ["API"]


def post(path, body):
    request = urllib.request.Request(API + path, json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Bearer " + os.environ["ADMIN"])
    request.add_header("Idempotency-Key", str(uuid.uuid4()))
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def psql(sql):
    command = ["psql", "--no-psqlrc", "--csv", "--tuples-only", os.environ["ANALYSTS"], "--command", sql]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=90).stdout
    return list(csv.reader(io.StringIO(told)))


def sell():
    """Orders that come differently far, so that no answer is empty."""
    lines = [{"sku": "TEA-EARL-GREY", "quantity": 2}, {"sku": "TEA-SENCHA", "quantity": 1}]
    steps = ["confirmation", "shipments", "delivery"]
    for far in range(4):
        order = post("/v1/orders", {"customer": "judge", "lines": lines, "currency": "EUR"})["id"]
        for step in steps[:far]:
            post("/v1/orders/%s/%s" % (order, step), {})


def exported(folder):
    command = [os.environ["DAYBOOK"], "export", "--format", "parquet", "--dir", folder, "--from", "-"]
    told = subprocess.run(
        command, check=True, input=os.environ["FROM"], capture_output=True, text=True, timeout=90, cwd=folder
    )
    return int(re.search(r"events=(\d+)", told.stderr).group(1))


def queries():
    with open(os.environ["PAGE"], encoding="utf-8") as page:
        text = page.read()
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        asked = dict(re.findall(r"```sql (\w+)\n(.*?)```", part, flags=re.DOTALL))
        yield part.splitlines()[0], asked["duckdb"], asked["psql"]


def main():
    sell()
    with tempfile.TemporaryDirectory() as home:
        folder = os.path.join(home, "log")
        os.mkdir(folder)
        count = exported(folder)
        for _ in range(300):
            head = int(psql("SELECT coalesce(max(position), 0) FROM events")[0][0])
            if head >= count:
                break
            time.sleep(0.1)
        # Nothing was added meanwhile, or the two would be asked about different logs.
        assert head == count, (head, count)
        os.chdir(home)
        asked = 0
        whole = "SELECT count(*) = max(position) FROM 'log/**/*.parquet'"
        assert duckdb.sql(whole).fetchall() == [(True,)]
        duckdb.sql("SET TimeZone = 'UTC'")
        for name, of_files, of_views in queries():
            files = [[str(value) for value in row] for row in duckdb.sql(of_files).fetchall()]
            views = psql(of_views)
            assert files and files == views, "%s:\n%s\n%s" % (name, files, views)
            asked += 1
        assert asked == 5, asked


if __name__ == "__main__":
    sys.exit(main())
