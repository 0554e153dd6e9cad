"""A mail server that remembers what it took.

What it finally accepts is a line of JSON in a file, on the disk before the client is
answered. What it does with a mail hangs on the recipient's local part, up to a `+`:

  refuse   550 at RCPT
  grey     451 at the first RCPT, taken at the next
  defer    451 at every RCPT
  echo     550 at RCPT, with the address in its words
  drop     hangs up in the middle of DATA
  lose     takes the mail, remembers it, and hangs up without a word
  hang     never answers to DATA
  slow     takes a second

Anything else is taken after the delay, or held: after the line `hold 3` on standard input
the next three are taken, and the others wait to be answered, until `hold` comes again or
`release`, which holds none; `answer` lets go those that wait. Every second one is remembered
before it waits, and is there though its sender may never hear of it. How many wait is told
on standard output each time that it changes.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import json
import os
import sys

from aiosmtpd.smtp import SMTP


def parts_of(message):
    parts = {"text": None, "html": None, "attachments": []}
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True) or b""
        if part.get_content_disposition() == "attachment":
            parts["attachments"].append({
                "name": part.get_filename(),
                "type": part.get_content_type(),
                "content": base64.b64encode(content).decode(),
            })
        elif part.get_content_type() == "text/plain":
            parts["text"] = content.decode("utf-8", "replace")
        elif part.get_content_type() == "text/html":
            parts["html"] = content.decode("utf-8", "replace")
    return parts


class Recorder:
    def __init__(self, path, delay):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.delay = delay
        self.grey = set()
        # How many more are not held; None holds none.
        self.passing = None
        self.held = set()
        self.number = 0

    def obey(self, line):
        word, *count = line.split()
        if word != "answer":
            self.passing = int(count[0]) if word == "hold" else None
        for waiting in self.held:
            waiting.set()

    async def hold(self, envelope):
        self.number += 1
        is_remembered = self.number % 2 == 0
        if is_remembered:
            self.record(envelope)
        waiting = asyncio.Event()
        self.held.add(waiting)
        print(len(self.held), flush=True)
        try:
            # Cancelled when the other side hangs up.
            await waiting.wait()
        finally:
            self.held.discard(waiting)
            print(len(self.held), flush=True)
        if not is_remembered:
            self.record(envelope)

    async def take(self, envelope):
        if self.passing == 0:
            return await self.hold(envelope)
        if self.passing is not None:
            self.passing -= 1
        self.record(envelope)

    def record(self, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "message_id": str(message["Message-ID"]).strip(),
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            **parts_of(message),
        }
        os.write(self.file, (json.dumps(line) + "\n").encode())
        os.fsync(self.file)

    async def handle_RCPT(self, server, session, envelope, address, options):
        mode = mode_of(address)
        if mode == "refuse":
            return "550 5.1.1 no such mailbox"
        if mode == "echo":
            return f"550 5.1.1 <{address}>: no such mailbox here"
        if mode == "defer" or (mode == "grey" and address not in self.grey):
            self.grey.add(address)
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mode = mode_of(envelope.rcpt_tos[0])
        if mode == "hang":
            await asyncio.sleep(3600)
        await asyncio.sleep(1.0 if mode == "slow" else self.delay)
        if mode == "quote":
            text = envelope.content.split(b"\r\n\r\n", 1)[-1].decode(errors="replace")
            return "554 5.7.1 not wanted: " + " ".join(text.split())[:300]
        await self.take(envelope)
        if mode == "lose":
            server.transport.abort()
            await asyncio.sleep(3600)
        return "250 2.0.0 taken"


def mode_of(address):
    return address.split("@")[0].split("+")[0]


class Server(SMTP):
    async def smtp_DATA(self, arg):
        recipients = self.envelope.rcpt_tos if self.envelope else []
        if recipients and mode_of(recipients[0]) == "drop":
            await self.push("354 go on")
            await self._reader.read(16)
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


async def obey(recorder):
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        recorder.obey(line.decode())


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--out", required=True)
    options.add_argument("--delay-ms", type=float, default=0)
    given = options.parse_args()
    recorder = Recorder(given.out, given.delay_ms / 1000)

    def connection():
        return Server(recorder, hostname="recorder.test", enable_SMTPUTF8=True, timeout=7200)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    lines = asyncio.create_task(obey(recorder))
    async with server:
        await asyncio.gather(server.serve_forever(), lines)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
