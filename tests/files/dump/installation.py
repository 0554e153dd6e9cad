"""The installation that is dumped, and the steps of which its story is made."""

import re

from peers import MailServer, MessageCentre
from program import ADMIN_PASSWORD, USER_PASSWORD, Client, Program, eventually

COMPLAINTS = "fbl@corp.example"
# A public address, as behind a proxy: reports and links are to come there.
SETTINGS = {
    "URL": "https://ledger.example",
    "COMPANY": "Corp",
    "LEASE_SECONDS": "2",
    "RETRY_BASE_SECONDS": "3600",
    "COMPLAINT_ADDRESS": COMPLAINTS,
    "LMTP_LISTEN": "127.0.0.1:0",
}


class Installation:
    """The program in three processes; what is worth to be known by name is in `names`."""

    def __init__(self, binary, postgres):
        self.binary, self.postgres = binary, postgres
        self.names, self.clients = {}, {}
        self.mails, self.centre = MailServer(), MessageCentre()
        self.api = self.start("api")
        self.projector = self.start("projector")
        self.worker = self.start("worker")
        self.stranger = Client(self.api.url)
        eventually("the program is ready", self.is_ready)
        self.admin = self.clients["admin"] = self.stranger.login("admin", ADMIN_PASSWORD)

    def start(self, role):
        return Program(self.binary, role, self.postgres, SETTINGS)

    def is_ready(self):
        try:
            return self.stranger.send("GET", "/readyz").status == 200
        except OSError:
            return False

    def make(self, kind, path, body, name=None, by=None):
        """Makes something; its id, which is also known by this name."""
        made = (by or self.admin).post(path, body)[f"{kind}_id"]
        if name:
            self.names[f"{kind}.{name}"] = made
        return made

    def id(self, name):
        return self.names[name]

    def user(self, name, roles, password=USER_PASSWORD, **more):
        body = {"username": name, "passwd": password, "active": 1, "first_name": name.capitalize(), **more}
        user = self.make("user", "/users", body, name)
        for role in roles:
            self.admin.put(f"/users/{user}/roles/{role}")
        if ":" not in name:
            self.clients[name] = self.stranger.login(name, password)
            account = self.clients[name].send("GET", "/accounts")
            if account.status == 200:
                self.names[f"account.{name}"] = account.ok()[0]["account_id"]

    def subscribe(self, client, account, program):
        client.put(f"/accounts/{self.id(f'account.{account}')}/programs/{program}")

    def use(self, provider, active):
        self.admin.put(f"/providers/{self.id(f'provider.{provider}')}", {"active": int(active)})

    def to(self, program, fields, name, by=None, **more):
        """A transmission to a new contact, not yet sent."""
        contact = self.make("contact", "/contacts", {"first_name": "To", "phone": "+15550150", **fields}, by=by)
        body = {"contact_id": contact, "program_id": self.id(f"program.{program}"), "title": name, **more}
        return self.make("transmission", "/transmissions", body, name, by)

    def send(self, name, by=None):
        return (by or self.admin).post(f"/transmissions/{self.id(f'transmission.{name}')}/send")

    def ends(self, name, outcome):
        path = f"/transmissions/{self.id(f'transmission.{name}')}"
        ended = lambda: self.admin.get(path)["outcome"] == outcome
        eventually(f"{name} ends as {outcome}: {self.admin.get(path)}", ended)

    def lmtp_port(self):
        said = eventually("mail is taken in", lambda: re.search(
            r"mail comes in by lmtp.*127\.0\.0\.1:(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", self.worker.log())))
        return int(said.group(1))

    def report(self, path, status):
        answer = self.stranger.send("GET", f"{path}?status={status}")
        assert answer.status == 200, (answer.asked, answer.status, answer.body)

    def sms(self, to, sender, data, more=""):
        """Brings a short message as Kannel would."""
        client = self.stranger.basic("ledgerline", "1234")
        to, sender = to.replace("+", "%2B"), sender.replace("+", "%2B")
        query = f"from={sender}&to={to}&data={data}{more}"
        answer = client.send("GET", f"/callbacks/sms/{self.id('provider.kannel')}?{query}")
        assert answer.status == 200, (query, answer.status, answer.body)

    def group(self, name, emails, by=None):
        by = by or self.admin
        group = self.make("group", "/groups", {"name": name}, name, by)
        rows = "".join(f"+1555030{n:04},Member,{n},{email},,,,,\r\n" for n, email in enumerate(emails))
        by.post(f"/groups/{group}/csv", rows.encode(), Content_Type="text/csv")
        return group

    def campaign(self, name, group, by=None, program="bare", start=True, **fields):
        by = by or self.admin
        body = {"program_id": self.id(f"program.{program}"), "group_id": group, **fields}
        campaign = self.make("campaign", "/campaigns", body, name, by)
        if start:
            by.put(f"/campaigns/{campaign}/start")
        return campaign

    def is_now(self, campaign, status):
        path = f"/campaigns/{campaign}"
        eventually(f"{path} is {status}", lambda: self.admin.get(path)["status"] == status)
