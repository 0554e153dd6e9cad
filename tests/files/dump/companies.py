"""What happens in an installation that two companies share: each has all of the same."""

from installation import Installation
from peers import bring_mail
from program import USER_PASSWORD, eventually

# 2099-06-01: nothing that is for then falls due.
FAR = 4083955200
# The companies, with the digit that their phone numbers have before the last one.
COMPANIES = {"acme": 1, "bolt": 2}
LISTS = ["contacts", "groups", "messages/templates", "messages/texts", "programs", "accounts", "users",
         "providers", "transmissions", "campaigns", "schedules", "optouts", "sandbox/outbox", "tenants"]


class Companies(Installation):
    """Tells it, chapter by chapter, once for each company."""

    def role(self):
        """What the administrator of a company holds: everything but the installation."""
        role = self.make("role", "/roles", {"name": "company"}, "company")
        for row in self.admin.get("/permissions"):
            name = row["name"]
            if ("_" not in name or name.endswith("_admin")) and name != "installation_admin":
                self.admin.put(f"/roles/{role}/permissions/{row['permission_id']}")

    def company(self, name, digit):
        """A tenant with an administrator and a user, whose account has an assigned address."""
        tenant = self.make("tenant", "/tenants", {
            "code": name, "name": name.capitalize(), "max_users": 10, "max_accounts": 10,
            "numbers": [f"+49301110{digit}1"], "mail_domains": [f"{name}.example"],
        }, name)
        self.admin.put(f"/users/{self.id('user.admin')}/tenants/{tenant}")
        for user, role in [(name, "company"), (f"{name}_user", "user")]:
            body = {"username": user, "passwd": USER_PASSWORD, "active": 1, "first_name": user, "role": role,
                    "tenant_id": tenant}
            self.make("user", "/users", body, user)
            client = self.clients[user] = self.stranger.login(user, USER_PASSWORD)
            rows = client.get(f"/accounts?created_by={self.id(f'user.{user}')}")
            self.names[f"account.{user}"] = rows[0]["account_id"]
        account = f"/accounts/{self.id(f'account.{name}_user')}"
        self.clients[name].put(account, {"phone": f"+49301110{digit}1", "email": f"desk@{name}.example"})
        row = self.clients[name].get(account)
        assert (row["phone_status"], row["email_status"]) == ("assigned", "assigned"), row

    def outreach(self, name):
        """Programs of the user, and the providers of the company."""
        user, company = self.clients[f"{name}_user"], self.clients[name]
        template = {"name": f"{name} news", "subject": f"News of {name}", "body": "<p>News</p>"}
        template = self.make("template", "/messages/templates", template, name, user)
        text = self.make("text", "/messages/texts", {"name": f"{name} text", "data": f"Hi from {name}"}, name, user)
        account = self.id(f"account.{name}_user")
        for kind, needs in [
            ("sendemail", {"template_id": template}), ("sendsms", {"text_id": text}),
            ("voicetts", {"text": f"Good morning from {name}", "language": "en-GB"}),
            ("receivesms", {"account_id": account}), ("receiveemail", {"account_id": account}),
        ]:
            program = self.make("program", f"/programs/{kind}", needs, f"{kind}_{name}", user)
            if kind.startswith("receive"):
                user.put(f"/accounts/{account}/programs/{program}")
        body = {"name": f"{name} sandbox", "type": "sandbox", "active": 1}
        self.make("provider", "/providers", body, name, company)
        # It only brings messages: no worker carries its number.
        self.make("provider", "/providers", {
            "name": f"{name} kannel", "type": "http", "host": "api.sms.example", "port": 443, "active": 1,
            "username": name, "password": "kannel-s3cret", "node_id": 7, "settings": {"report_password": "1234"},
        }, f"{name}_kannel", company)

    def people(self, name, digit):
        user = self.clients[f"{name}_user"]
        # Both know the same people.
        for person, phone in [("ada", "+15550100"), ("grace", "+15550101")]:
            fields = {"first_name": person.capitalize(), "phone": phone, "email": f"{person}@example.com"}
            self.make("contact", "/contacts", fields, f"{person}_{name}", user)
        # But each is asked by another one to stop.
        address = f"listed{digit}@example.com"
        self.make("optout", "/optouts", {"email": address, "reason": f"told {name}"}, name, user)

    def attempt(self, name, what, program, to):
        """A transmission of the company's user, not yet sent."""
        return self.to(f"{program}_{name}", to, f"{what}_{name}", self.clients[f"{name}_user"])

    def past(self, name, digit):
        """What was sent, and what came in."""
        user = self.clients[f"{name}_user"]
        self.attempt(name, "delivered", "sendemail", {"email": f"first@{name}-customers.example"})
        self.send(f"delivered_{name}", user)
        self.ends(f"delivered_{name}", "delivered")
        query = f"from=%2B493099900{digit}&to=%2B49301110{digit}1&data=hello+{name}&id=first"
        kannel = self.stranger.basic(name, "1234")
        callback = f"/callbacks/sms/{self.id(f'provider.{name}_kannel')}?{query}"
        brought = lambda: kannel.send("GET", callback).status == 200
        eventually(f"the message to {name} is taken", brought)
        bring_mail(self.lmtp_port(), f"desk@{name}.example",
                   f"From: ada@example.com\nMessage-ID: <{name}@example.com>\nSubject: Hello\n\nHello, {name}")
        arrived = lambda: user.get("/transmissions?direction=inbound")
        eventually(f"both messages to {name} are read", lambda: len(arrived()) == 2)
        for row in arrived():
            service = {4: "sms", 8: "email"}[row["service_flag"]]
            self.names[f"transmission.inbound_{service}_{name}"] = row["transmission_id"]

    def begin_campaign(self, name):
        user = self.clients[f"{name}_user"]
        group = self.group(name, [f"{name}{n}@example.com" for n in range(5)], user)
        campaign = self.campaign(name, group, user, f"sendemail_{name}", cpm=0.001, try_allowed=2)
        path = f"/campaigns/{campaign}"
        eventually("it has begun", lambda: user.get(path)["contact_done"] == 1)
        waits = f"select 1 from dispatch.backlog where campaign_id = {campaign}"
        eventually("its second waits", lambda: self.postgres.psql(waits))

    def later(self, name):
        """A schedule for long after, and one that falls due while no worker runs."""
        user = self.clients[f"{name}_user"]
        for what, when in [("scheduled", {"timestamp": FAR}), ("overdue", {"delay": 1})]:
            self.attempt(name, what, "sendemail", {"email": f"{what}@{name}-customers.example"})
            path = f"/transmissions/{self.id(f'transmission.{what}_{name}')}/schedule"
            self.names[f"schedule.{what}_{name}"] = user.put(path, when)["schedule_id"]

    def queue(self, name):
        for what, program, to in [
            ("queued_mail", "sendemail", {"email": f"queued@{name}-customers.example"}),
            ("queued_sms", "sendsms", {"phone": "+15550181"}), ("queued_call", "voicetts", {"phone": "+15550183"}),
        ]:
            self.attempt(name, what, program, to)
            self.send(f"{what}_{name}", self.clients[f"{name}_user"])

    def read_everything(self):
        """What the API answers, by who asks and path."""
        said = {}
        for who in ["admin", *COMPANIES, *(f"{name}_user" for name in COMPANIES)]:
            client = self.clients[who]
            for name in LISTS:
                path = f"/{name}" if name == "sandbox/outbox" else f"/{name}?limit=1000"
                answer = client.send("GET", path)
                if answer.status != 403:
                    said[f"{who} {path}"] = answer.ok()
            for row in said[f"{who} /transmissions?limit=1000"]:
                for part in ["detail", "result", *(["message"] if row["direction"] == "inbound" else [])]:
                    path = f"/transmissions/{row['transmission_id']}/{part}"
                    said[f"{who} {path}"] = client.get(path)
        return said

    def tell(self):
        """All of it; what the API answered in the end."""
        me = self.admin.get("/users?username=admin")
        self.names["user.admin"] = me[0]["user_id"]
        self.role()
        for name, digit in COMPANIES.items():
            print(name, flush=True)
            self.company(name, digit)
            self.outreach(name)
            self.people(name, digit)
            self.past(name, digit)
            self.begin_campaign(name)
        self.worker.kill()
        # From here on there is no worker: what is sent stays queued.
        for name in COMPANIES:
            self.queue(name)
            self.later(name)
        queued = "select count(*) from dispatch.queue where claimed_by is null"
        eventually("all six are queued", lambda: int(self.postgres.psql(queued)[0][0]) >= 6)
        said = self.read_everything()
        self.api.kill()
        self.projector.kill()
        return {"names": self.names, "answers": said, "media": {}}
