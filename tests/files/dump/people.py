"""Who logs in, what they are reached at, and whom they reach."""

from installation import Installation
from program import USER_PASSWORD


class People(Installation):
    def access(self):
        admin = self.admin
        roles = {row["name"]: row["role_id"] for row in admin.get("/roles")}
        permissions = {row["name"]: row["permission_id"] for row in admin.get("/permissions")}
        self.make("permission", "/permissions", {"name": "fax_room", "description": "of this installation"}, "own")
        supervisor = self.make("role", "/roles", {"name": "supervisor", "description": "before"}, "supervisor")
        admin.put(f"/roles/{supervisor}", {"description": "looks after accounts"})
        for name in ["account", "account_admin", "contact", "user_list", "user_read", "user_update", "template"]:
            admin.put(f"/roles/{supervisor}/permissions/{permissions[name]}")
        admin.delete(f"/roles/{supervisor}/permissions/{permissions['template']}")
        # One that looks like another to a reader.
        self.make("role", "/roles", {"name": "adm\u0131n"}, "dotless")
        gone = self.make("role", "/roles", {"name": "gone"})
        admin.delete(f"/roles/{gone}")
        for name, more in [
            ("supervisor", ["supervisor"]), ("mallory", []), ("left", []), ("right", []),
            ("plain", []), ("other", []), ("inactive", []), ("gone", []), ("leaver", []), ("tokens", []),
        ]:
            self.user(name, [roles["user"], *(roles.get(role, supervisor) for role in more)])
        self.user("nobody", [], email="nobody@corp.example", phone="+4930111012")
        grant = f"/users/{self.id('user.mallory')}/permissions"
        admin.put(f"{grant}/{permissions['account_create']}")
        admin.put(f"{grant}/{permissions['event_read']}")
        admin.delete(f"{grant}/{permissions['event_read']}")
        admin.put(f"/users/{self.id('user.other')}/roles/{supervisor}")
        admin.delete(f"/users/{self.id('user.other')}/roles/{supervisor}")
        admin.put(f"/users/{self.id('user.plain')}", {
            "last_name": "Plain", "company": "Corp", "country_id": 276, "timezone": "Europe/Berlin",
        })
        # Passwords and names that a stricter version would not take.
        for name, password in [("weak", "weak"), ("short", "seven77"), ("co:lon", USER_PASSWORD)]:
            self.user(name, [roles["user"]], password)
        self.names["password.weak"], self.names["password.short"] = "weak", "seven77"
        rows = (
            "username,passwd,first_name,phone,email,active\r\n"
            f"listed1,{USER_PASSWORD},Listed,+4930111090,listed1@corp.example,1\r\n"
            f"listed2,{USER_PASSWORD},Listed,,,0\r\n,{USER_PASSWORD},No name,,,\r\n"
        )
        report = admin.post("/users/csv", rows.encode(), Content_Type="text/csv")
        assert (report["created"], report["rejected"]) == (2, 1), report
        changed = "A-new-passw0rd-of-their-own"
        tokens = self.clients["tokens"]
        tokens.put(f"/users/{self.id('user.tokens')}/password", {"password": changed})
        self.names["password.tokens"] = changed
        revoked = self.stranger.login("tokens", changed)
        revoked.post("/authenticate/cancel")
        self.names["token.revoked"] = revoked.headers["Authorization"].removeprefix("Bearer ")
        for _ in range(3):
            wrong = {"username": "left", "password": "guessed"}
            assert self.stranger.send("POST", "/authenticate", wrong).status == 401

    def accounts(self):
        admin, mallory, plain = (self.clients[name] for name in ["admin", "mallory", "plain"])
        # Of two, the older one's holder made it and gave it the address; the younger was given it.
        self.make("account", "/accounts", {
            "username": "ceo", "phone": "+4930111001", "email": "ceo@corp.example", "active": 1,
        }, "claimed_by_user", by=mallory)
        role = next(row["role_id"] for row in admin.get("/roles") if row["name"] == "user")
        self.user("victim", [role])
        admin.put(f"/accounts/{self.id('account.victim')}", {
            "phone": "+4930111001", "email": "CEO@corp.example", "first_name": "The", "last_name": "Chief",
        })
        # Of these two, an administrator gave both of them the address, written in two ways.
        for name, phone, email in [
            ("left", "+4930111002", "shared@corp.example"), ("right", "004930111002", "Shared@Corp.Example"),
        ]:
            admin.put(f"/accounts/{self.id(f'account.{name}')}", {"phone": phone, "email": email})
        # A user set these alone, and a supervisor that one's.
        plain.put(f"/accounts/{self.id('account.plain')}", {"phone": "+4930111003", "email": "plain@corp.example"})
        self.clients["supervisor"].put(
            f"/accounts/{self.id('account.other')}", {"phone": "+4930111004", "email": "other@corp.example"}
        )
        # And a younger one set the same of its own.
        self.user("copycat", [role])
        self.clients["copycat"].put(
            f"/accounts/{self.id('account.copycat')}", {"phone": "+4930111004", "email": "Other@Corp.example"}
        )
        # What an administrator set stays theirs when the user saves it again, or sets something else.
        self.clients["left"].put(f"/accounts/{self.id('account.left')}", {
            "phone": "+4930111002", "email": "shared@corp.example", "first_name": "Left",
        })
        tokens = f"/accounts/{self.id('account.tokens')}"
        admin.put(tokens, {"phone": "+4930111011"})
        self.stranger.login("tokens", self.id("password.tokens")).put(tokens, {"email": "mixed@corp.example"})
        admin.put("/accounts/%d" % self.id("account.inactive"), {"phone": "+4930111005", "email": "in@corp.example"})
        admin.put("/accounts/%d" % self.id("account.gone"), {"phone": "+4930111006", "email": "gone@corp.example"})
        for kind, fields in [
            ("did", {"phone": "+4930111007"}), ("extension", {"phone": "1007", "passwd": "sip-s3cret", "passwd_pin": "1234"}),
            ("eaddress", {"email": "desk@corp.example"}), ("account", {"phone": "+4930111008", "email": "box@corp.example"}),
        ]:
            body = {"username": f"a-{kind}", "type": kind, "active": 1, "timezone": "Europe/Vienna", **fields}
            self.make("account", "/accounts", body, kind)
        # Of two, the older one's user is going to be deleted.
        heir = {"username": "heir", "phone": "+4930111006", "email": "gone@corp.example", "active": 1}
        self.make("account", "/accounts", heir, "heir")
        # One that was given to another user, and one that belongs to none.
        assigned = self.make("account", "/accounts", {"username": "given", "phone": "+4930111009"}, "given")
        admin.put(f"/accounts/{assigned}/users/{self.id('user.other')}")
        loose = self.make("account", "/accounts", {"username": "loose", "email": "loose@corp.example"}, "loose")
        admin.delete(f"/accounts/{loose}/users")
        dropped = self.make("account", "/accounts", {"username": "dropped", "phone": "+4930111010", "active": 1})
        admin.delete(f"/accounts/{dropped}")
        for account, sender in [("account", "BANK"), ("plain", "+4930111099"), ("did", "+4930111007")]:
            admin.put(f"/accounts/{self.id(f'account.{account}')}/settings/sms_sender", {"value": sender})
        setting = f"/accounts/{self.id('account.account')}/settings/emailtofax_coversheet"
        admin.put(setting, {"value": "yes"})
        admin.put(f"/accounts/{self.id('account.account')}/settings/dropped", {"value": "1"})
        admin.delete(f"/accounts/{self.id('account.account')}/settings/dropped")

    def people(self):
        admin = self.admin
        for name, fields in [
            ("ada", {
                "first_name": "Ada", "last_name": "Lovelace", "phone": "+15550100", "email": "ada@example.com",
                "address": "12 St James's Square", "custom1": "a", "custom2": "b", "custom3": "c",
                "description": "Counts,\nand writes", "timezone": "Europe/London",
            }),
            ("grace", {"first_name": "Grace", "phone": "0300", "email": "grace@example.com"}),
            ("listed", {"first_name": "Opted", "phone": "+15550111", "email": "listed@example.com"}),
            ("erased", {"first_name": "Xanthippe", "phone": "+4915735980417", "email": "xanthippe@example.com"}),
            ("deleted", {"first_name": "Deleted", "phone": "+15550119"}),
        ]:
            self.make("contact", "/contacts", fields, name)
        staff = self.make("group", "/groups", {"name": "staff", "description": "by hand"}, "staff")
        self.make("group", "/groups", {"name": "empty"}, "empty")
        for name in ["ada", "grace", "listed", "erased", "deleted"]:
            admin.put(f"/contacts/{self.id(f'contact.{name}')}/link/{staff}")
        admin.delete(f"/contacts/{self.id('contact.grace')}/link/{staff}")
        admin.put(f"/groups/{staff}", {"description": "changed by hand"})
        imported = self.make("group", "/groups", {"name": "imported"}, "imported")
        rows = "".join(f"+1555020{n:04},Row,{n},row{n}@example.com,,,,,\r\n" for n in range(50))
        rows += "nonsense,Bad,,,,,,,\r\n+15550200001,Changed,,row1@example.com,,,,,\r\n"
        report = admin.post(f"/groups/{imported}/csv", rows.encode(), Content_Type="text/csv")
        assert report["created"] == 50 and report["rejected"] == 1, report
        # So many changes that a state of it is kept.
        for n in range(105):
            admin.put(f"/contacts/{self.id('contact.ada')}", {"custom3": f"c{n}"})
        gone = self.make("group", "/groups", {"name": "gone"})
        admin.delete(f"/groups/{gone}")
        listed = self.make("optout", "/optouts", {"email": "listed@example.com", "reason": "asked"}, "listed")
        admin.put(f"/optouts/{listed}", {"reason": "asked twice"})
        self.make("optout", "/optouts", {"phone": "+15550111", "channel": "sms"}, "sms")
        removed = self.make("optout", "/optouts", {"email": "back@example.com"})
        admin.delete(f"/optouts/{removed}")
        rows = "+15550121,voice,by list\r\nrow9@example.com,email,by list\r\n"
        assert admin.post("/optouts/csv", rows.encode(), Content_Type="text/csv")["created"] == 2
        self.make("contact", "/contacts", {"first_name": "Theirs", "phone": "+15550130"}, "plain", self.clients["plain"])
