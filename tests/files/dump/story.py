"""What happens in the installation that is dumped: something of every kind, through the front door."""

import hashlib
import socket

from later import Later
from outreach import Outreach
from people import People
from program import TIMEOUT, eventually
from sending import Sending


class Story(People, Outreach, Sending, Later):
    """Tells it, chapter by chapter."""

    def hang(self, name):
        """Kills the worker while this mail is on the wire."""
        self.use("mail", True)
        self.use("sandbox_mail", False)
        self.mails.hanging.clear()
        self.to("bare", {"email": f"hang+{name}@example.com"}, name)
        self.send(name)
        assert self.mails.hanging.wait(TIMEOUT), "no mail came"
        self.worker.kill()
        self.use("mail", False)
        self.use("sandbox_mail", True)

    def lose_one(self):
        self.hang("lost")
        self.worker = self.start("worker")
        self.ends("lost", "unknown")

    def keyed(self):
        """Requests that may come again: one that was answered, and one that was cut off."""
        body = {"first_name": "Once", "phone": "+15550170"}
        answer = self.admin.send("POST", "/contacts", body, Idempotency_Key="answered")
        self.names["contact.once"] = answer.ok()["contact_id"]

    def cut_off(self):
        """Begins a request that is carried out and cannot be answered, because what is answered cannot be kept."""
        body = b'{"first_name": "Cut", "phone": "+15550171"}'
        marks = self.postgres.psql("select count(*) from once.marks")
        request = self.begin("POST", "/contacts", body, "Content-Type: application/json\r\nIdempotency-Key: cut-off\r\n", len(body))
        eventually("it is on record", lambda: self.postgres.psql("select count(*) from once.marks") != marks)
        return request

    def begin(self, method, path, body, headers, length):
        """Begins a request whose answer nobody waits for."""
        host, port = self.api.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)))
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {self.admin.headers['Authorization']}\r\n"
        connection.sendall(f"{head}{headers}Content-Length: {length}\r\n\r\n".encode() + body)
        return connection

    def last_moments(self):
        """What is under way when everything is killed."""
        admin = self.admin
        self.campaign("running", self.group("running", [f"r{n}@example.com" for n in range(8)]), cpm=0.001, try_allowed=2)
        started = f"/campaigns/{self.id('campaign.running')}"
        eventually("it has begun", lambda: admin.get(started)["contact_done"] == 1)
        waits = f"select 1 from dispatch.backlog where campaign_id = {self.id('campaign.running')}"
        eventually("its second waits", lambda: self.postgres.psql(waits))
        self.hang("on_the_wire")
        # From here on there is no worker: what is sent stays queued.
        for name, program, fields in [
            ("queued_mail", "sendemail", {"email": "queued@example.com"}), ("queued_sms", "sendsms", {"phone": "+15550181"}),
            ("queued_fax", "sendfax", {"phone": "+15550182"}), ("queued_call", "voicemessage", {"phone": "+15550183"}),
        ]:
            self.to(program, fields, name)
            self.send(name)
        self.to("bare", {"email": "overdue@example.com"}, "scheduled_overdue")
        path = f"/transmissions/{self.id('transmission.scheduled_overdue')}/schedule"
        self.names["schedule.overdue"] = admin.put(path, {"delay": 1})["schedule_id"]
        for active in [0, 1, 0]:
            admin.put(f"/users/{self.id('user.inactive')}", {"active": active})
        admin.delete(f"/users/{self.id('user.gone')}")
        self.sms("+4930111008", "+4930999007", "the+first+half+", "&udh=%05%00%03%09%02%01")
        queued = "select count(*) from dispatch.queue where claimed_by is null"
        eventually("all four are queued", lambda: int(self.postgres.psql(queued)[0][0]) >= 4)

    def read_everything(self):
        """What the API answers of everything, by path."""
        admin, said = self.admin, {}
        lists = ["contacts", "groups", "messages/templates", "messages/documents", "messages/recordings", "messages/texts",
                 "programs", "accounts", "users", "roles", "permissions", "providers", "transmissions", "campaigns",
                 "schedules", "optouts", "dids", "extensions", "sandbox/outbox"]
        for path in [f"/{name}?limit=1000" if name != "sandbox/outbox" else f"/{name}" for name in lists]:
            said[path] = admin.get(path)
        for row in said["/transmissions?limit=1000"]:
            for part in ["detail", "result", *(["message"] if row["direction"] == "inbound" else [])]:
                path = f"/transmissions/{row['transmission_id']}/{part}"
                said[path] = admin.get(path)
        for row in said["/groups?limit=1000"]:
            path = f"/groups/{row['group_id']}/contacts"
            said[path] = [member["contact_id"] for member in admin.get(path)]
        for account in ["account", "plain", "did"]:
            path = f"/accounts/{self.id(f'account.{account}')}/settings/sms_sender"
            said[path] = admin.get(path)
        return said

    def read_media(self):
        """Fingerprints of what can be downloaded."""
        paths = [f"/messages/templates/{self.id('template.welcome')}/media?n=1",
                 f"/messages/templates/{self.id('template.welcome')}/media?n=2",
                 f"/messages/documents/{self.id('document.offer')}/media",
                 f"/messages/documents/{self.id('document.pages')}/media",
                 f"/messages/recordings/{self.id('recording.jingle')}/media"]
        for row in self.admin.get("/transmissions?direction=inbound"):
            message = f"/transmissions/{row['transmission_id']}/message"
            files = self.admin.get(message)["attachments"]
            if row["service_flag"] == 8:
                paths += [f"{message}/original", *(f"{message}/attachments/{n + 1}" for n in range(len(files)))]
        fingerprint = lambda path: hashlib.sha256(self.admin.send("GET", path).body).hexdigest()
        return {path: fingerprint(path) for path in paths}

    def tell(self):
        """All of it; what the API answered in the end."""
        for chapter in [self.access, self.accounts, self.outreach, self.people, self.providers, self.attempts, self.mail,
                        self.messages, self.inbound, self.lose_one, self.campaigns, self.schedules, self.leave_a_minute_out,
                        self.keyed, self.last_moments]:
            print(chapter.__name__, flush=True)
            chapter()
        upload = f"/messages/templates/{self.id('template.bare')}/media"
        half = self.begin("POST", upload, b"half of it", "Content-Type: text/plain\r\n", 1000)
        eventually("it is coming", lambda: self.postgres.psql("select 1 from media_uploads"))
        with self.postgres.locked("once.answers"):
            request = self.cut_off()
            said, media = self.read_everything(), self.read_media()
            self.api.kill()
        self.projector.kill()
        for connection in [half, request]:
            connection.close()
        return {"names": self.names, "answers": said, "media": media}
