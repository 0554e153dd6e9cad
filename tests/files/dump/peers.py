"""The other side: a mail server, a message centre over HTTP, and somebody who brings mail."""

import http.server
import re
import socket
import socketserver
import threading


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail; does not answer one to `hang…`, once it has all of it."""

    daemon_threads = allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MailSession)
        self.port = self.server_address[1]
        self.mails = []
        self.hanging = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def last_to(self, address):
        return next((mail for mail in reversed(self.mails) if mail["to"] == address), None)


class MailSession(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self):
        self.say("220 mx.example ESMTP")
        sender = to = ""
        while line := self.rfile.readline().decode(errors="replace").strip():
            verb = line[:4].upper()
            address = re.search(r"<(.*?)>", line)
            if verb == "EHLO":
                self.say("250-mx.example\r\n250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250 SIZE 10000000")
            elif verb == "AUTH":
                self.say("235 2.7.0 welcome")
            elif verb == "MAIL":
                sender = address.group(1)
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                to = address.group(1)
                self.say("250 2.1.5 ok")
            elif verb == "DATA":
                self.say("354 go on")
                self.take(sender, to)
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok")

    def take(self, sender, to):
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        if to.startswith("hang"):
            self.server.hanging.set()
            self.rfile.read()
            return
        text = b"".join(lines).decode(errors="replace")
        self.server.mails.append({"sender": sender, "to": to, "text": text})
        self.say("250 2.0.0 taken")


class MessageCentre(http.server.ThreadingHTTPServer):
    """Takes every message, as Kannel's smsbox does, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MessageRequest)
        self.port = self.server_address[1]
        self.messages = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def to(self, number):
        return next((one for one in self.messages if one["x-kannel-to"] == number), None)


class MessageRequest(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append({name.lower(): value for name, value in self.headers.items()})
        answer = b"0: Accepted for delivery"
        self.send_response(202)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


def bring_mail(port, to, mail):
    """Hands a mail over by LMTP; what was answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        stream = connection.makefile("rwb")

        def hear():
            while (line := stream.readline().decode())[3:4] == "-":
                pass
            return line

        def say(line):
            stream.write(f"{line}\r\n".encode())
            stream.flush()
            return hear()

        hear()
        for line in ["LHLO mx.example", "MAIL FROM:<ada@example.com>", f"RCPT TO:<{to}>", "DATA"]:
            answer = say(line)
            if not answer.startswith(("250", "354")):
                raise SystemExit(f"{line}: {answer}")
        answer = say(mail.replace("\n", "\r\n") + "\r\n.")
        if not answer.startswith("250"):
            raise SystemExit(f"the mail to {to}: {answer}")
        return answer
