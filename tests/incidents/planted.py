"""Ten incidents: how each is planted, which alert must come, and what its runbook has one do."""

import os
import pathlib
import shutil
import subprocess
import time

from shop import until


class Cannot(Exception):
    """This machine can't play it."""


class Incident:
    """`alerts` are those that lead to it, any of which will do; none if Daybook has to get well by itself."""

    alerts = ()

    def __init__(self, shop, customers):
        self.shop, self.customers = shop, customers

    def plant(self):
        raise NotImplementedError

    def repair(self):
        raise NotImplementedError


class RelayStopped(Incident):
    """No process has the role `relay`."""

    alerts = ("RelayStopped",)

    def plant(self):
        self.shop.stop()
        self.shop.start(DAYBOOK_ROLES="api,projections,reactor,publisher")

    def repair(self):
        self.shop.stop()
        self.shop.start()


class PoisonEvent(Incident):
    """An event that no release knows stands in the log."""

    alerts = ("ProjectionStopped", "DeadLetters")

    def plant(self):
        order = self.customers.last_order
        self.shop.sql(f"""
            INSERT INTO events
            SELECT 'order', '{order}', (SELECT count(*) FROM events WHERE aggregate_id = '{order}') + 1,
                   'OrderTeleported', '1', '{{}}', '{{}}', max(position) + 1, gen_random_uuid(), clock_timestamp()
            FROM events;
            SELECT pg_notify('daybook_log', (SELECT max(position) FROM events)::text)""")

    def repair(self):
        def open_letters():
            status, letters = self.shop.operate("/admin/dead-letters")
            return letters if status == 200 else None

        def skip_all():
            for letter in open_letters() or []:
                body = {"reason": "No release knows this event."}
                self.shop.operate(f"/admin/dead-letters/{letter['id']}/skip", body)
            return open_letters() == []

        until("no dead letter is open", skip_all, 60)


class DivergedRow(Incident):
    """A row of a read model was changed by hand."""

    alerts = ("ProjectionDiverged",)

    def plant(self):
        table = self.shop.table_of_orders()
        changed = self.shop.sql(f"""
            UPDATE {table} SET doc = (doc::jsonb || '{{"currency":"XTS"}}')::json
            WHERE id = (SELECT max(id) FROM {table}) RETURNING id""")
        assert changed, f"{table} has no row"

    def repair(self):
        status, rebuild = self.shop.operate("/admin/projections/orders/rebuilds", {"reason": "A row differed."})
        assert status == 202, rebuild
        state = lambda: self.shop.operate(f"/admin/rebuilds/{rebuild['id']}")[1]["state"]
        until("the rebuild is done", lambda: state() == "done", 120)


class DeadMailServer(Incident):
    """The mail server is gone."""

    alerts = ("EffectsFail", "EffectsWaiting")

    def plant(self):
        self.shop.mail.stop()

    def repair(self):
        self.shop.mail.start()


class SlowDisk(Incident):
    """Each flush of PostgreSQL takes 400 ms longer."""

    alerts = ("AppendsSlow",)
    tracer = None

    def plant(self):
        if shutil.which("strace") is None:
            raise Cannot("strace is missing")
        postmaster = self.shop.noted("postgres.pid")
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        attached = [part for pid in (postmaster, *children) for part in ("-p", pid)]
        self.tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=400000",
             "-o", "/dev/null", *attached],
            stderr=subprocess.PIPE,
        )
        time.sleep(1)
        if self.tracer.poll() is not None:
            raise Cannot(f"strace may not attach: {self.tracer.stderr.read().decode().strip()}")

    def repair(self):
        self.tracer.terminate()
        self.tracer.wait()


class FullDisk(Incident):
    """The disk of PostgreSQL and nats-server has no room."""

    alerts = ("CommandsFail", "DatabaseUnreachable", "DaybookNotReady")

    def ballast(self):
        return self.shop.home / "ballast"

    def plant(self):
        if not os.path.ismount(self.shop.home):
            raise Cannot(f"{self.shop.home} is no file system of its own: mounting one takes root")
        with self.ballast().open("wb", buffering=0) as ballast:
            size = 1 << 20
            while size:
                try:
                    ballast.write(bytes(size))
                except OSError:
                    size //= 2

    def repair(self):
        # Someone may have removed it already.
        self.ballast().unlink(missing_ok=True)
        # It writes no more after its disk was full.
        self.shop.kill("nats")


class HeldLock(Incident):
    """A session of a person holds a lock."""

    alerts = ("CommandsFail", "DaybookNotReady")
    table = "events"
    session = None

    def plant(self):
        self.session = subprocess.Popen(self.shop.psql(), stdin=subprocess.PIPE, text=True)
        self.session.stdin.write(f"BEGIN; LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE;\n")
        self.session.stdin.flush()

    def repair(self):
        # What the runbook looks for: it holds a lock, does nothing, and isn't Daybook.
        self.shop.sql("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE state = 'idle in transaction' AND application_name = 'psql'""")
        # It notices when it is told the next thing, or that there is none.
        self.session.communicate()


class PoolExhausted(HeldLock):
    """Queries wait for a table, and hold connections of their pool until their time is over."""

    alerts = ("DatabasePoolExhausted",)

    def plant(self):
        self.customers.stop()
        self.customers.start(readers=24)
        self.table = self.shop.table_of_orders()
        super().plant()


class CertificateEnded(Incident):
    """The certificate of gRPC was not renewed."""

    alerts = ("CertificateEnds",)

    def plant(self):
        folder = self.shop.home / "tls"
        shutil.copytree(folder, self.shop.home / "tls.good")
        request, names = self.shop.home / "request.pem", self.shop.home / "names"
        names.write_text("subjectAltName=DNS:localhost\n")
        for arguments in (
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
             "-keyout", folder / "door.key", "-out", request],
            ["x509", "-req", "-in", request, "-signkey", folder / "door.key", "-days", "-1", "-extfile", names,
             "-out", folder / "door.pem"],
        ):
            subprocess.run(["openssl", *arguments], check=True, capture_output=True)
        self.shop.kill("daybook")

    def repair(self):
        shutil.rmtree(self.shop.home / "tls")
        (self.shop.home / "tls.good").rename(self.shop.home / "tls")
        self.shop.kill("daybook")


class NatsWiped(Incident):
    """nats-server comes back without what it had."""

    def plant(self):
        self.shop.kill("nats")
        shutil.rmtree(self.shop.home / "nats" / "jetstream")

    def repair(self):
        pass


ALL = (
    RelayStopped, PoisonEvent, DivergedRow, DeadMailServer, SlowDisk, FullDisk, HeldLock, CertificateEnded, NatsWiped,
    PoolExhausted,
)
