"""Reads and follows the log through the door with a client of EventStoreDB, and holds what it is told against what
the HTTP API exports.

Usage: door_client.py MODULE. The environment says where the server is, and has tokens of three roles.
"""

import importlib
import json
import os
import random
import sys
import threading
import urllib.request
import uuid

API, DOOR, CA_FILE = (os.environ[name] for name in ("API", "DOOR", "CA_FILE"))
TOKENS = {role: os.environ[role.upper()] for role in ("analyst", "customer", "warehouse")}
module = importlib.import_module(sys.argv[1])
Client = getattr(module, "KurrentDBClient", None) or module.EventStoreDBClient
PATIENCE_S = 20


def client(token, scheme="esdb"):
    with open(CA_FILE, encoding="ascii") as file:
        authorities = file.read()
    return Client(uri=f"{scheme}://analyst:{token}@{DOOR}?tls=true", root_certificates=authorities)


def http(path, role, body=None):
    request = urllib.request.Request(API + path, headers={"Authorization": "Bearer " + TOKENS[role]})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
        request.add_header("Idempotency-Key", str(uuid.uuid4()))
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def exported():
    """All events of the HTTP API, as tuples that events of the client can be compared with."""
    events, after = [], ""
    while True:
        page = http(f"/v1/events?limit=100{after}", "analyst")
        events += page["data"]
        if not page["has_more"]:
            return [listed(event) for event in events]
        after = "&after=" + page["next"]


def listed(event):
    stream = event["stream"].replace("/", "-", 1)
    revision = event["sequence"] - 1
    return (event["position"], event["event_id"], event["type"], stream, revision, event["payload"])


def told(event):
    place = event.commit_position
    return (place, str(event.id), event.type, event.stream_name, event.stream_position, json.loads(event.data))


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}:\n  {found}\nand not\n  {wanted}")


def refused(what, deed, *names):
    try:
        deed()
    except Exception as error:  # The client's own exceptions have no common parent.
        text = f"{type(error).__name__} {error}"
        if not any(name in text for name in names):
            sys.exit(f"{what} is refused as {text}")
        return
    sys.exit(f"{what} is not refused")


def read(analyst):
    log = exported()
    if len(log) < 10:
        sys.exit("there are too few events to try anything")
    middle, (first, last) = log[len(log) // 2], (log[0], log[-1])
    same("the log", [told(e) for e in analyst.read_all(filter_exclude=())], log)
    same("the log backwards", [told(e) for e in analyst.read_all(backwards=True, filter_exclude=())], log[::-1])
    part = analyst.read_all(commit_position=middle[0], limit=3)
    same("three events", [told(e) for e in part], log[middle[0] - first[0] :][:3])
    part = analyst.read_all(commit_position=middle[0], limit=3, backwards=True)
    same("three events backwards", [told(e) for e in part], log[: middle[0] - first[0]][::-1][:3])

    kind = middle[3].split("-", 1)[0]
    of_type = analyst.read_all(filter_include=(middle[2],))
    same("one type", [told(e) for e in of_type], [e for e in log if e[2] == middle[2]])
    others = analyst.read_all(filter_exclude=(middle[2],))
    same("all but one type", [told(e) for e in others], [e for e in log if e[2] != middle[2]])
    of_kind = analyst.read_all(filter_include=(f"{kind}-.*",), filter_by_stream_name=True)
    same("the streams of a kind", [told(e) for e in of_kind], [e for e in log if e[3].startswith(kind + "-")])

    stream = [e for e in log if e[3] == last[3]]
    unplaced = lambda events: [e[1:] for e in events]
    same("a stream", unplaced(told(e) for e in analyst.read_stream(last[3])), unplaced(stream))
    back = analyst.read_stream(last[3], backwards=True)
    same("a stream backwards", unplaced(told(e) for e in back), unplaced(stream[::-1]))
    for name, wanted in (
        (f"$ce-{kind}", [e for e in log if e[3].startswith(kind + "-")]),
        (f"$et-{middle[2]}", [e for e in log if e[2] == middle[2]]),
    ):
        events = list(analyst.read_stream(name, resolve_links=True))
        same(name, unplaced(told(e) for e in events), unplaced(wanted))
        same(f"the links of {name}", [e.link.stream_position for e in events], [e[0] for e in wanted])
    refused("a stream that isn't there", lambda: list(analyst.read_stream("order-none")), "NotFound")


def follow(analyst):
    log = exported()
    begin = log[-5]
    seen, done, quantity = [], threading.Event(), random.randrange(1_000, 100_000)
    subscription = analyst.subscribe_to_all(commit_position=begin[0], include_caught_up=True, filter_exclude=())

    def listen():
        for event in subscription:
            if type(event).__name__ == "CaughtUp":
                caught_up.set()
                continue
            seen.append(told(event))
            if event.type == "StockReceived" and json.loads(event.data)["quantity"] == quantity:
                done.set()
                return

    caught_up = threading.Event()
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    if not caught_up.wait(PATIENCE_S):
        sys.exit("a subscription never caught up")
    sku = next(e[3] for e in log if e[3].startswith("stock-")).split("-", 1)[1]
    http(f"/v1/stock/{sku}/receipts", "warehouse", {"quantity": quantity})
    if not done.wait(PATIENCE_S):
        sys.exit("a subscription was never told of a new event")
    subscription.stop()
    same("what was followed", seen, [e for e in exported() if e[0] > begin[0]][: len(seen)])


def refusals(analyst):
    new = module.NewEvent(type="OrderPlaced", data=b"{}")
    state = module.StreamState.ANY
    append = lambda: analyst.append_to_stream("order-x", current_version=state, events=[new])
    delete = lambda: analyst.delete_stream("order-x", current_version=state)
    customer, stranger = client(TOKENS["customer"]), client("a.b.c")
    denied, unknown = ("AccessDenied", "PERMISSION_DENIED"), ("Unauthenticated", "UNAUTHENTICATED")
    refused("an append", append, *denied)
    refused("a deletion", delete, *denied)
    refused("a customer", lambda: list(customer.read_all(limit=1)), *denied)
    refused("a token that is none", lambda: list(stranger.read_all(limit=1)), *unknown)


analyst = client(TOKENS["analyst"])
read(analyst)
follow(analyst)
refusals(analyst)
discovering = client(TOKENS["analyst"], "esdb+discover")
same("a server that was discovered", len(list(discovering.read_all(limit=3))), 3)
