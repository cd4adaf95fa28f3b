"""Someone who registers, follows the link in the mail, logs in, and refreshes the session with each request.

Requests that are tried end sessions, change passwords and delete accounts. Who can't refresh then logs in, and who
can't log in registers.
"""

import itertools
import os
import re
import time
from pathlib import Path

import requests
import schemathesis

API = os.environ["API"]
MAILS = Path(os.environ["MAILS"])
PASSWORD = "correct horse battery staple of judges"
TO_ARRIVE_S = 30
PAUSE_S = 0.02
LIMIT_S = 30


def post(path, **body):
    return requests.post(API + path, json=body, timeout=LIMIT_S)


def link_to(email):
    end = time.monotonic() + TO_ARRIVE_S
    while time.monotonic() < end:
        for mail in sorted(MAILS.glob("*.eml")):
            # Without the marks of its encoding (RFC 2045, section 6.7).
            text = re.sub("=\r?\n", "", mail.read_text()).replace("=3D", "=")
            found = re.search(r"#token=(\S+)", text)
            if email in text and found:
                return found[1]
        time.sleep(PAUSE_S)
    raise RuntimeError(f"no mail to {email} has a link")


@schemathesis.auth(refresh_interval=None)
class Person:
    def __init__(self):
        self.numbers = itertools.count()
        self.email = None
        self.session = None
        self.failure = None

    def get(self, case, context):
        # Without this, each of the requests to come would wait for a letter that never arrives.
        if self.failure:
            raise self.failure
        try:
            self.session = self.refreshed() or self.logged_in() or self.registered()
        except Exception as failure:
            self.failure = failure
            raise
        return self.session["access_token"]

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}

    def refreshed(self):
        if self.session is None:
            return None
        answer = post("/v1/sessions/refresh", refresh_token=self.session["refresh_token"])
        assert answer.status_code in (200, 401), answer.text
        return answer.json() if answer.ok else None

    def logged_in(self):
        if self.email is None:
            return None
        answer = post("/v1/sessions", email=self.email, password=PASSWORD)
        assert answer.status_code in (201, 401), answer.text
        return answer.json() if answer.ok else None

    def registered(self):
        self.email = f"judge{next(self.numbers)}.{os.getpid()}@example.com"
        answer = post("/v1/accounts", email=self.email, name="Judge", password=PASSWORD)
        assert answer.status_code == 202, answer.text
        answer = post("/v1/accounts/verification", token=link_to(self.email))
        assert answer.status_code == 200, answer.text
        answer = post("/v1/sessions", email=self.email, password=PASSWORD)
        assert answer.status_code == 201, answer.text
        return answer.json()
