"""What became of what was sent, and what came in."""

import re

from installation import COMPLAINTS, Installation
from peers import bring_mail
from program import eventually


class Sending(Installation):
    def attempts(self):
        wanted = []
        for name, program, fields, outcome in [
            ("mail_delivered", "sendemail", {"email": "ada@example.com"}, "delivered"),
            ("mail_rejected", "sendemail", {"email": "fail@example.com"}, "rejected"),
            ("mail_unanswered", "sendemail", {"email": "busy@example.com"}, "unanswered"),
            ("mail_unknown", "sendemail", {"email": "unknown@example.com"}, "unknown"),
            ("mail_resolved", "sendemail", {"email": "unknown+2@example.com"}, "unknown"),
            ("mail_forced", "sendemail", {"email": "unknown+3@example.com"}, "unknown"),
            ("mail_suppressed", "sendemail", {"email": "listed@example.com"}, "rejected"),
            ("sms_delivered", "sendsms", {"phone": "+15550151"}, "delivered"),
            ("sms_long", "sendsms_long", {"phone": "+15550152"}, "delivered"),
            ("sms_rejected", "sendsms", {"phone": "9990003"}, "rejected"),
            ("fax_delivered", "sendfax", {"phone": "+15550153"}, "delivered"),
            ("fax_unanswered", "sendfax", {"phone": "9990001"}, "unanswered"),
            ("call_delivered", "voicemessage", {"phone": "+15550154"}, "delivered"),
            ("call_unanswered", "voicemessage", {"phone": "9990002"}, "unanswered"),
            ("call_tts", "voicetts", {"phone": "+15550155"}, "delivered"),
        ]:
            self.to(program, fields, name)
            self.send(name)
            wanted.append((name, outcome))
        for name, outcome in wanted:
            self.ends(name, outcome)
        spool = self.admin.get(f"/transmissions/{self.id('transmission.mail_resolved')}/detail")[0]["spool_id"]
        self.admin.post(f"/spools/{spool}/resolve", {"status": "completed"})
        forced = f"/transmissions/{self.id('transmission.mail_forced')}/send"
        assert self.admin.send("POST", forced, {}).status == 423
        self.admin.post(forced, {"force": True})
        # An hour or half of it passes before these are tried again.
        self.to("sendemail", {"email": "unavailable@example.com"}, "mail_retrying")
        self.send("mail_retrying")
        attempts = f"/transmissions/{self.id('transmission.mail_retrying')}/detail"
        eventually("a retry is put off", lambda: len(self.admin.get(attempts)) == 2)
        self.to("sendemail", {"email": "later@example.com"}, "mail_pending", try_allowed=3, origin="by hand")
        changed = f"/transmissions/{self.id('transmission.mail_pending')}"
        self.admin.put(changed, {"title": "still pending"})
        clone = self.admin.get(f"/transmissions/{self.id('transmission.mail_delivered')}/clone")
        self.admin.delete(f"/transmissions/{clone['transmission_id']}")
        erased = {"contact_id": self.id("contact.erased"), "program_id": self.id("program.sendemail"), "title": "erased"}
        self.make("transmission", "/transmissions", erased, "mail_erased")
        self.send("mail_erased")
        self.ends("mail_erased", "delivered")
        self.admin.send("DELETE", f"/contacts/{self.id('contact.erased')}?erase=true").ok()
        self.admin.delete(f"/contacts/{self.id('contact.deleted')}")

    def mail(self):
        """By a mail server: signed, come back, complained about, unsubscribed from."""
        self.use("mail", True)
        self.use("sandbox_mail", False)
        for name in ["signed", "bounced", "complained", "unsubscribed"]:
            self.to("bare", {"email": f"{name}@example.com"}, name, account_id=self.id("account.account"))
            self.send(name)
            self.ends(name, "delivered")
        mail = {name: self.mails.last_to(f"{name}@example.com") for name in ["signed", "bounced", "complained", "unsubscribed"]}
        assert "DKIM-Signature" in mail["signed"]["text"], mail["signed"]
        bring_mail(self.lmtp_port(), mail["bounced"]["sender"], (
            "From: mailer-daemon@mx.example\nSubject: Undelivered\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
            "--x\nContent-Type: text/plain\n\nIt came back.\n--x\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; bounced@example.com\n"
            "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n--x--"
        ))
        self.ends("bounced", "rejected")
        bring_mail(self.lmtp_port(), COMPLAINTS, (
            "From: Feedback <fbl@provider.example>\nSubject: complaint\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n"
            "--x\nContent-Type: text/plain\n\nAn abuse report.\n--x\nContent-Type: message/feedback-report\n\n"
            "Feedback-Type: abuse\nUser-Agent: Provider/1.0\nVersion: 1\n"
            f"Original-Mail-From: <{mail['complained']['sender']}>\n--x\n"
            "Content-Type: message/rfc822\n\nSubject: Hello\n\nHello\n--x--"
        ))
        unfolded = re.sub(r"\r?\n[ \t]+", " ", mail["unsubscribed"]["text"])
        link = re.search(r"^List-Unsubscribe: <https://ledger.example(/unsubscribe/\S+)>", unfolded, re.MULTILINE)
        pressed = self.stranger.send("POST", link.group(1), b"List-Unsubscribe=One-Click",
                                     Content_Type="application/x-www-form-urlencoded")
        assert pressed.status == 200, pressed.body
        listed = lambda: {"complaint", "unsubscribe"} <= {row["source"] for row in self.admin.get("/optouts")}
        eventually("both are listed", listed)
        self.names["unsubscribe.path"] = link.group(1)

    def messages(self):
        """By a message centre that reports, or has not yet."""
        self.admin.put(f"/providers/{self.id('provider.sandbox')}", {"service_flag": 3})
        for name, phone in [("report_delivered", "+15550161"), ("report_awaited", "+15550162"), ("report_failed", "+15550163")]:
            self.to("sendsms", {"phone": phone}, name, account_id=self.id("account.account"))
            self.send(name)
            message = eventually(f"{phone} is taken", lambda: self.centre.to(phone))
            report = message["x-kannel-dlr-url"].removeprefix("https://ledger.example").split("?")[0]
            self.names[f"report.{name}"] = report
            eventually(f"{name} is on record as taken", lambda: self.postgres.psql(
                f"select 1 from dispatch.awaited where transmission_id = {self.id(f'transmission.{name}')}"))
        for name, status, outcome in [("report_delivered", 1, "delivered"), ("report_failed", 2, "rejected")]:
            self.report(self.id(f"report.{name}"), status)
            self.ends(name, outcome)
        self.admin.put(f"/providers/{self.id('provider.sandbox')}", {"service_flag": 7})
        # It only brings messages from now on: no worker carries this number.
        self.admin.put(f"/providers/{self.id('provider.kannel')}", {"node_id": 7})

    def inbound(self):
        box = "+4930111008"
        self.sms(box, "+4930999001", "hello", "&id=first")
        self.sms(box, "+4930999001", "hello", "&id=first")
        self.sms("+4930111001", "+4930999002", "for+the+chief", "&id=second")
        self.sms("+4930111002", "+4930999003", "for+both", "&id=third")
        self.sms("+4930111003", "+4930999003", "for+plain", "&id=fourth")
        for part, data in [(2, "is+whole"), (1, "this+one+")]:
            self.sms(box, "+4930999004", data, f"&udh=%05%00%03%07%02%0{part}")
        self.sms(box, "+4930999005", "STOP", "&id=stop")
        self.sms(box, "+4930999006", "STOP", "&id=stop2")
        self.sms(box, "+4930999006", "START", "&id=start")
        bring_mail(self.lmtp_port(), "box@corp.example", (
            "From: =?utf-8?q?Ada_L=C3=B6we?= <ada@example.com>\nSubject: Hello\nMIME-Version: 1.0\n"
            "Message-ID: <one@example.com>\nContent-Type: multipart/mixed; boundary=x\n\n"
            "--x\nContent-Type: text/plain\n\nSee the file.\n"
            "--x\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"a.pdf\"\n\n%PDF-1.4 x\n--x--"
        ))
        for to in ["plain@corp.example", "ceo@corp.example"]:
            bring_mail(self.lmtp_port(), to, f"From: ada@example.com\nMessage-ID: <{to}>\nSubject: Hi\n\nHi")
        arrived = lambda: len(self.admin.get("/transmissions?direction=inbound")) >= 9
        eventually("all of it is read", arrived)
