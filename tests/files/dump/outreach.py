"""What is said, and by whom it is carried."""

import base64
import pathlib

from installation import Installation

FILES = pathlib.Path(__file__).resolve().parents[1] / "documents"
PDF = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
    b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>\nendobj\n"
    b"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000058 00000 n \n0000000115 00000 n \n"
    b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n186\n%%EOF\n"
)


def wav(seconds):
    """Silence: 16 bits, 8 kHz, one channel."""
    sound = bytes(16000 * seconds)
    sizes = (36 + len(sound)).to_bytes(4, "little"), len(sound).to_bytes(4, "little")
    form = b"\x10\0\0\0\x01\0\x01\0" + (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little") + b"\x02\0\x10\0"
    return b"RIFF" + sizes[0] + b"WAVEfmt " + form + b"data" + sizes[1] + sound


class Outreach(Installation):
    def outreach(self):
        admin = self.admin
        template = self.make("template", "/messages/templates", {
            "name": "welcome", "subject": "Hello [contact:first_name]", "description": "with a file",
            "body": "<p>Dear [contact:first_name], <img src=\"cid:photo.jpg\"></p>", "body_alt": "Dear you",
        }, "welcome")
        media = f"/messages/templates/{template}/media"
        admin.upload(media, "text/plain", "Größe: 12 €\n".encode(), "terms.txt")
        admin.send("POST", media, FILES.joinpath("photo.jpg").read_bytes(),
                   Content_Type="image/jpeg", Content_Disposition='attachment; filename="photo.jpg"').ok()
        admin.put(f"/messages/templates/{template}", {"description": "with two files"})
        self.make("template", "/messages/templates", {"name": "bare", "subject": "Bare", "body": "<p>Bare</p>"}, "bare")
        for name, content in [("offer", PDF), ("pages", FILES.joinpath("two-pages.tif").read_bytes())]:
            document = self.make("document", "/messages/documents", {"name": name, "quality": "fine"}, name)
            admin.upload(f"/messages/documents/{document}/media", "application/octet-stream", content, f"{name}.bin")
        admin.put(f"/messages/documents/{self.id('document.offer')}", {"description": "of one page"})
        self.make("document", "/messages/documents", {"name": "empty"}, "empty")
        recording = self.make("recording", "/messages/recordings", {"name": "jingle"}, "jingle")
        admin.upload(f"/messages/recordings/{recording}/media", "audio/wav", wav(1), "jingle.wav")
        admin.put(f"/messages/recordings/{recording}", {"description": "a second of silence"})
        for name, fields in [
            ("short", {"data": "Hello [contact:first_name]"}), ("long", {"data": "Grüße. " * 40}),
            ("flash", {"data": "Now!", "class": "0", "type": "unicode"}),
        ]:
            self.make("text", "/messages/texts", {"name": name, **fields}, name)
        admin.put(f"/messages/texts/{self.id('text.short')}", {"description": "changed once"})
        for kind in ["template", "document", "recording", "text"]:
            body = {"name": "gone", "subject": "x", "body": "x", "data": "x"}
            admin.delete(f"/messages/{kind}s/%d" % self.make(kind, f"/messages/{kind}s", body))
        self.programs()

    def programs(self):
        account = self.id("account.account")
        for kind, needs in [
            ("sendemail", {"template_id": self.id("template.welcome")}),
            ("sendsms", {"text_id": self.id("text.short")}),
            ("sendfax", {"document_id": self.id("document.offer")}),
            ("voicemessage", {"recording_id": self.id("recording.jingle")}),
            ("voicetts", {"text": "Good morning", "delay": 5, "language": "en-GB"}),
            ("receivesms", {"account_id": account}), ("receiveemail", {"account_id": account}),
            ("emailtofax", {"account_id": self.id("account.eaddress")}),
            ("receivefax", {"account_id": self.id("account.did")}), ("faxtoemail", {"account_id": account}),
        ]:
            self.make("program", f"/programs/{kind}", needs, kind)
        self.make("program", "/programs/sendsms", {"text_id": self.id("text.long")}, "sendsms_long")
        bare = {"template_id": self.id("template.bare"), "parent_id": self.id("program.sendemail")}
        self.make("program", "/programs/sendemail", bare, "bare")
        self.admin.put(f"/programs/{self.id('program.bare')}", {"name": "bare, renamed"})
        gone = self.make("program", "/programs/sendemail", bare)
        self.admin.delete(f"/programs/{gone}")
        for account, kinds in [
            ("account", ["receivesms", "receiveemail", "faxtoemail"]), ("eaddress", ["emailtofax"]),
            ("did", ["receivesms", "receivefax"]),
        ]:
            for kind in kinds:
                self.subscribe(self.admin, account, self.id(f"program.{kind}"))
        self.admin.delete(f"/accounts/{self.id('account.did')}/programs/{self.id('program.receivesms')}")
        # Those whose address another one has as well, and those who set it themselves, receive too.
        for user in ["mallory", "victim", "left", "right", "plain", "other", "copycat", "inactive", "gone"]:
            client = self.clients[user]
            account = "claimed_by_user" if user == "mallory" else user
            for kind in ["receivesms", "receiveemail"]:
                body = {"account_id": self.id(f"account.{account}")}
                self.subscribe(client, account, self.make("program", f"/programs/{kind}", body, f"{kind}_{user}", client))

    def providers(self):
        admin = self.admin
        for name, flag in [("sandbox", 7), ("sandbox_mail", 8)]:
            body = {"name": name, "type": "sandbox", "service_flag": flag, "active": 1}
            self.make("provider", "/providers", body, name)
        self.make("provider", "/providers", {
            "name": "mail", "type": "smtp", "host": "127.0.0.1", "port": self.mails.port, "active": 0,
            "username": "relay", "password": "relay-s3cret", "weight": 5, "channel_limit": 4, "settings": {
                "tls": "none", "from_domain": "corp.example", "verp_domain": "bounce.corp.example",
                "dkim_domain": "corp.example", "dkim_selector": "s1", "list_unsubscribe": "always",
                "dkim_key": base64.b64encode(bytes(range(32))).decode(), "timeout_seconds": 60,
            },
        }, "mail")
        self.make("provider", "/providers", {
            "name": "kannel", "type": "http", "host": "127.0.0.1", "port": self.centre.port, "active": 1,
            "username": "ledgerline", "password": "kannel-s3cret", "service_flag": 4, "weight": 1000,
            "settings": {"sender": "+4930111000", "report_password": "1234", "max_messages": 4},
        }, "kannel")
        self.make("provider", "/providers", {
            "name": "template", "type": "http", "host": "api.sms.example", "port": 443, "active": 0,
            "password": "api-s3cret", "settings": {
                "tls": 1, "url_template": "/v1/messages", "content_type": "application/json",
                "body_template": "{\"to\": \"{to}\", \"text\": \"{text}\"}",
                "headers": {"Authorization": "Bearer {password}"}, "success": "\"id\": *\"([^\"]+)\"",
            },
        }, "template")
        self.make("provider", "/providers", {
            "name": "smsc", "type": "smpp", "host": "smsc.example", "port": 2775, "active": 0, "prefix": "00",
            "username": "esme", "password": "s3same", "rate_limit": 10, "channel_limit": 2, "node_id": 7,
            "settings": {"system_type": "VMA", "window": 5},
        }, "smpp")
        self.make("provider", "/providers", {
            "name": "trunk", "type": "sip", "host": "trunk.example", "active": 0, "register": 1,
            "username": "trunk", "password": "trunk-s3cret",
            "settings": {"transport": "tls", "esl_host": "127.0.0.1", "esl_password": "esl-s3cret"},
        }, "sip")
        # What a stricter version would not connect to.
        body = {"name": "metadata", "type": "http", "host": "169.254.169.254", "port": 80, "active": 0, "username": "x"}
        self.make("provider", "/providers", body, "metadata")
        admin.put(f"/providers/{self.id('provider.smpp')}", {"weight": 20})
        gone = self.make("provider", "/providers", {"name": "gone", "type": "sandbox", "active": 0})
        admin.delete(f"/providers/{gone}")
