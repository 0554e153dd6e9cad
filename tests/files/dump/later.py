"""Campaigns, and what is to be done later."""

import time

from installation import Installation
from program import eventually

# 2099-06-01: nothing that is for then falls due.
FAR = 4083955200


class Later(Installation):
    def campaigns(self):
        admin = self.admin
        emails = [f"c{n}@example.com" for n in range(6)] + ["fail+c@example.com", "listed@example.com", "c1@example.com"]
        completed = self.campaign("completed", self.group("reached", emails), cpm=50, source="+4930111008")
        self.is_now(completed, "completed")
        # What waits for its retry is withdrawn by the stop.
        waiting = self.group("waiting", ["unavailable+1@example.com", *(f"w{n}@example.com" for n in range(5))])
        paused = self.campaign("paused", waiting, cpm=0.001, quiet_days="1", duplicates=1, try_allowed=2)
        first = f"/transmissions?campaign_id={paused}"
        eventually("its first was tried", lambda: any(
            len(admin.get(f"/transmissions/{row['transmission_id']}/detail")) > 1 for row in admin.get(first)))
        admin.put(f"/campaigns/{paused}", {"cpm": 0.002})
        admin.put(f"/campaigns/{paused}/stop")
        admin.put(f"/campaigns/{paused}/start")
        admin.put(f"/campaigns/{paused}/stop")
        self.is_now(paused, "paused")
        self.campaign("new", self.id("group.imported"), start=False, delay=500, quiet_from="21:00", quiet_to="08:00")
        gone = self.campaign("gone", self.id("group.imported"), start=False)
        admin.delete(f"/campaigns/{gone}")
        # Whose owner is gone.
        leaver = self.clients["leaver"]
        text = self.make("text", "/messages/texts", {"name": "theirs", "data": "Hi"}, by=leaver)
        self.make("program", "/programs/sendsms", {"text_id": text}, "leaver", leaver)
        theirs = self.group("theirs", ["l1@example.com", "l2@example.com"], leaver)
        broken = self.campaign("broken", theirs, leaver, "leaver", cpm=0.001)
        admin.delete(f"/users/{self.id('user.leaver')}")
        self.is_now(broken, "broken")

    def schedules(self):
        admin = self.admin
        for name, by in [("once", None), ("daily", None), ("cancelled", None), ("done", None), ("missed", None),
                         ("gone", "gone"), ("inactive", "inactive")]:
            client = self.clients[by or "admin"]
            if by:
                template = {"name": "theirs", "subject": "Hi", "body": "<p>Hi</p>"}
                template = self.make("template", "/messages/templates", template, by=client)
                self.make("program", "/programs/sendemail", {"template_id": template}, f"scheduled_{by}", client)
            self.to(f"scheduled_{by}" if by else "bare", {"email": f"{name}@example.com"}, f"scheduled_{name}", client)
        schedule = lambda name, when, by=None: self.names.update({f"schedule.{name}": self.clients[by or "admin"].put(
            f"/transmissions/{self.id(f'transmission.scheduled_{name}')}/schedule", when)["schedule_id"]})
        schedule("once", {"timestamp": FAR - 1})
        schedule("once", {"timestamp": FAR})
        schedule("daily", {"year": 2099, "month": 2, "hour": 9, "weekday": "2-6", "timezone": "Europe/Berlin"})
        schedule("gone", {"timestamp": FAR}, "gone")
        schedule("inactive", {"timestamp": FAR}, "inactive")
        schedule("cancelled", {"timestamp": FAR})
        admin.delete(f"/transmissions/{self.id('transmission.scheduled_cancelled')}/schedule")
        schedule("done", {"delay": 1})
        state = lambda name: admin.get(f"/schedules/{self.id(f'schedule.{name}')}")
        eventually("a schedule is done", lambda: state("done")["state"] == "done")
        campaign = self.id("campaign.new")
        self.names["schedule.start"] = admin.post(f"/campaigns/{campaign}/start/schedule", {"timestamp": FAR})["schedule_id"]
        self.names["schedule.stop"] = admin.post(
            f"/campaigns/{campaign}/stop/schedule", {"datetime": "2099-06-02 00:00:00", "timezone": "Asia/Karachi"})["schedule_id"]
        # Every minute, and the worker away for longer than is made up for.
        schedule("missed", {"minute": "*", "if_missed": "skip"})

    def leave_a_minute_out(self):
        """Kills the worker for so long that a run is missed."""
        missed = f"/schedules/{self.id('schedule.missed')}"
        due = self.admin.get(missed)["next_run"]
        self.worker.kill()
        time.sleep(max(0, due + 62 - time.time()))
        self.worker = self.start("worker")
        eventually("a run is missed", lambda: self.admin.get(missed)["last_result"] == "missed")
        self.admin.delete(f"/transmissions/{self.id('transmission.scheduled_missed')}/schedule")
