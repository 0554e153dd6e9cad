"""A mail server on aiosmtpd that does what the recipient's local part says.

It prints its port, then one JSON object for each thing that happens.

  ok…        takes the mail          hang…     never answers the message
  refuse…    550 to RCPT             vanish…   hangs up in the middle of the message
  no-mail…   550 to the message      swallow…  reads it all, then hangs up
  grey…      450 to the first RCPT, then takes it
  slow…      takes the mail, and says so a second later
  late…      the same, eight seconds later
"""

import argparse
import asyncio
import base64
import email
import email.policy
import json
import logging
import ssl
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


warnings.simplefilter("ignore")
logging.disable()


def say(**what):
    print(json.dumps(what), flush=True)


class Server(SMTP):
    async def smtp_MAIL(self, arg):
        say(event="mail", argument=arg)
        await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg):
        if self.envelope.rcpt_tos and self.envelope.rcpt_tos[0].startswith("vanish"):
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)

    def connection_made(self, transport):
        say(event="connected")
        super().connection_made(transport)


class Handler:
    seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refuse"):
            return "550 5.1.1 <%s> is not here" % address
        if address.startswith("grey") and address not in self.seen:
            self.seen.add(address)
            return "450 4.7.1 <%s> come back later" % address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        if to.startswith("no-mail"):
            return "554 5.7.1 not this one"
        if to.startswith("hang"):
            await asyncio.sleep(3600)
        if to.startswith("slow"):
            await asyncio.sleep(1)
        if to.startswith("late"):
            await asyncio.sleep(8)
        if to.startswith("swallow"):
            say(event="taken", to=to)
            server.transport.abort()
            return "250 never sent"
        say(event="taken", to=to, sender=envelope.mail_from, tls=session.ssl is not None,
            options=envelope.mail_options, **read(envelope.content))
        return "250 2.0.0 taken as %s" % to


def read(content):
    message = email.message_from_bytes(content, policy=email.policy.default)
    text = message.get_body(("plain",))
    html = message.get_body(("html",))
    return {
        "raw": base64.b64encode(content).decode(),
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "count": len(message.items()),
        "from_name": message["from"].addresses[0].display_name,
        "to_name": message["to"].addresses[0].display_name,
        "type": message.get_content_type(),
        "text": text and text.get_content().replace("\r\n", "\n"),
        "html": html and html.get_content().replace("\r\n", "\n"),
        "files": [
            [part.get_filename(), part.get_content_type(),
             base64.b64encode(part.get_payload(decode=True)).decode()]
            for part in message.iter_attachments()
        ] if message.get_content_type() == "multipart/mixed" else [],
        "defects": [str(d) for part in message.walk() for d in part.defects],
        "longest": max(len(line) for line in content.split(b"\r\n")),
        "bare": content.replace(b"\r\n", b"").count(b"\r") + content.replace(b"\r\n", b"").count(b"\n"),
    }


def authenticate(password):
    def check(server, session, envelope, mechanism, data):
        say(event="login", user=data.login.decode(), mechanism=mechanism, tls=session.ssl is not None)
        return AuthResult(success=data.password.decode() == password, handled=False)
    return check


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--implicit", action="store_true")
    parser.add_argument("--password")
    parser.add_argument("--idle", type=float, default=300)
    parser.add_argument("--no-utf8", action="store_true")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.key)

    def server():
        return Server(
            Handler(), hostname="peer.test", enable_SMTPUTF8=not options.no_utf8,
            decode_data=False, timeout=options.idle, data_size_limit=2_000_000,
            tls_context=None if options.implicit else tls,
            authenticator=authenticate(options.password) if options.password else None,
            auth_required=bool(options.password), auth_require_tls=False,
        )

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        server, "127.0.0.1", 0, ssl=tls if options.implicit else None)
    say(event="listening", port=listening.sockets[0].getsockname()[1])
    await listening.serve_forever()


asyncio.run(main())
