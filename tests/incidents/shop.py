"""A shop to plant incidents in: the servers of `dev up` in a folder of their own, customers who order, a mail server, and
Prometheus with the alerts of deploy/prometheus."""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLES = "api,relay,projections,reactor,publisher"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, is_so, within_s):
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"{what}: not within {within_s} s")
        time.sleep(0.5)


class Mail:
    """Takes mails and forgets them."""

    class Session(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 mail\r\n")
            for line in self.rfile:
                verb = line.strip().upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    def __init__(self):
        self.port = free_port()
        self.server = None

    def start(self):
        self.server = self.Server(("127.0.0.1", self.port), self.Session)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.server = None


class Shop:
    """`programs` is the folder with `dev` and `daybook`; everything else lies in `home`."""

    def __init__(self, home, programs):
        self.home = pathlib.Path(home)
        self.programs = pathlib.Path(programs)
        self.ports = {name: free_port() for name in ("api", "admin", "telemetry", "door")}
        self.mail = Mail()
        self.kept_tokens = {}

    def start(self, **further):
        if self.mail.server is None:
            self.mail.start()
        self.dev("up", "--detach", **further)

    def stock(self):
        body = {"quantity": 100_000, "reference": "incidents"}
        answer = self.ask("api", "/v1/stock/TEA-EARL-GREY/receipts", ("warehouse", "warehouse"), body, key="incidents")
        assert answer[0] == 200, answer

    def stop(self):
        self.dev("down")

    def dev(self, *arguments, **further):
        names = {"api": "API_LISTEN", "admin": "ADMIN_LISTEN", "telemetry": "TELEMETRY_LISTEN", "door": "DOOR__LISTEN"}
        variables = {f"DAYBOOK_{name}": f"127.0.0.1:{self.ports[part]}" for part, name in names.items()}
        variables |= {
            "DAYBOOK_HOME": str(self.home),
            "DAYBOOK_ROLES": ROLES,
            "DAYBOOK_MAIL__SMTP_URL": f"smtp://127.0.0.1:{self.mail.port}",
            "DEV_CALLER": str(ROOT),
        }
        told = subprocess.run(
            [str(self.programs / "dev"), *arguments],
            cwd=ROOT, env=os.environ | variables | further, capture_output=True, text=True, check=False,
        )
        if told.returncode != 0:
            raise RuntimeError(f"dev {' '.join(arguments)}: {told.stdout}{told.stderr}")
        return told.stdout

    def token(self, role, subject):
        if (role, subject) not in self.kept_tokens:
            told = self.dev("daybook", "token", "--subject", subject, "--role", role, "--ttl", "12h")
            self.kept_tokens[role, subject] = told.strip()
        return self.kept_tokens[role, subject]

    def ask(self, part, path, role=None, body=None, key=None):
        """The status and the document of an answer; status 0 if there is none."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[part]}{path}")
        if role is not None:
            request.add_header("Authorization", f"Bearer {self.token(*role)}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if key is not None:
            request.add_header("Idempotency-Key", key)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")
        except (OSError, ValueError):
            return 0, None

    def operate(self, path, body=None):
        return self.ask("admin", path, ("operator", "operator"), body)

    def is_ready(self):
        return self.ask("telemetry", "/readyz")[0] == 200

    def noted(self, name):
        return (self.home / "run" / name).read_text().strip()

    def kill(self, server):
        """The supervisor of `dev up` starts it again."""
        os.kill(int(self.noted(f"{server}.pid")), signal.SIGKILL)

    def psql(self):
        secret = (self.home / "secret" / "superuser").read_text().strip()
        url = f"postgres://postgres:{secret}@127.0.0.1:{self.noted('postgres.port')}/daybook"
        return ["psql", "--no-psqlrc", "-qAtX", "-v", "ON_ERROR_STOP=1", url]

    def sql(self, statement):
        told = subprocess.run([*self.psql(), "-c", statement], capture_output=True, text=True, check=True)
        return told.stdout.strip()

    def table_of_orders(self):
        """The one that queries read."""
        return self.sql("SELECT 'read.orders_g' || live_generation FROM read_models WHERE name = 'orders'")


class Customers:
    """One places an order twice a second and reads the list of orders; more of them read, if they are wanted."""

    def __init__(self, shop):
        self.shop = shop
        self.is_over = threading.Event()
        self.last_order = None
        self.failed_at = self.went_well_at = 0.0
        self.threads = []

    def start(self, readers=1):
        self.threads = [threading.Thread(target=self.order, daemon=True)]
        self.threads += [threading.Thread(target=self.read, daemon=True) for _ in range(readers)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        self.is_over.clear()

    def order(self):
        while not self.is_over.wait(0.5):
            body = {
                "lines": [{"sku": "TEA-EARL-GREY", "quantity": 1}], "currency": "EUR",
                "contact": {"name": "Alice Example", "email": "alice@example.com"},
            }
            status, told = self.shop.ask("api", "/v1/orders", ("customer", "alice"), body, key=os.urandom(16).hex())
            if status == 201:
                self.last_order, self.went_well_at = told["id"], time.monotonic()
            else:
                self.failed_at = time.monotonic()

    def read(self):
        while not self.is_over.wait(0.5):
            # Each asks for something else, so that no cache answers, and no one who asks for the same orders.
            limit = random.randrange(1, 101)
            before = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}.{random.randrange(10**6):06}Z"
            status, _ = self.shop.ask("api", f"/v1/orders?limit={limit}&placed_at%5Blt%5D={before}", ("customer", "alice"))
            if status != 200:
                self.failed_at = time.monotonic()

    def are_served(self):
        now = time.monotonic()
        return now - self.went_well_at < 3 and now - self.failed_at > 5


class Watch:
    """Prometheus, which knows nothing of what was before it started."""

    def __init__(self, shop, program):
        self.shop, self.program, self.port = shop, program, free_port()
        self.folder = pathlib.Path(f"{shop.home}-prometheus")
        self.process = None

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "15s", "scrape_timeout": "10s", "evaluation_interval": "15s"},
            "rule_files": [str(ROOT / "deploy/prometheus/alerts.yml")],
            "scrape_configs": [{
                "job_name": "daybook",
                "static_configs": [{
                    "targets": [f"127.0.0.1:{self.shop.ports['telemetry']}"], "labels": {"service": "daybook"},
                }],
            }],
        }))
        self.process = subprocess.Popen(
            [self.program, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("w"),
        )

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def alerts(self):
        """Names of alerts, each with `pending` or `firing`."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=5) as answer:
                alerts = json.load(answer)["data"]["alerts"]
        except (OSError, ValueError):
            return {}
        states = {}
        for alert in sorted(alerts, key=lambda alert: alert["state"], reverse=True):
            states[alert["labels"]["alertname"]] = alert["state"]
        return states
