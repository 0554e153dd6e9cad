#!/usr/bin/env python3
"""Makes a dump of a program's database, with something of every kind or of two companies in it; see README.md."""

import argparse
import gzip
import json
import pathlib
import re

from companies import Companies
from program import MASTER_KEY, Postgres
from story import Story

STORIES = {"everything": Story, "companies": Companies}

# Without a row in the dump: nothing is ever in the first, and an upload is kept once it is whole.
EMPTY = {"public.append_lock"}
MOST_BYTES = 2 << 20
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def missing(postgres):
    """Tables without a row, and events that the program knows and that did not happen."""
    tables = postgres.psql(
        "select schemaname || '.' || relname from pg_stat_user_tables where schemaname !~ '^pg_' order by 1"
    )
    full = lambda table: int(postgres.psql(f"select count(*) from {table}")[0][0])
    empty = [table for (table,) in tables if table not in EMPTY and not full(table)]
    happened = {row[0] for row in postgres.psql("select distinct event_type from events")}
    known = set()
    for file in (REPOSITORY / "domain/src").rglob("*.rs"):
        for body in re.findall(r"fn event_type\(&self\).*?\n    }", file.read_text(), re.DOTALL):
            known |= set(re.findall(r'"([A-Z][A-Za-z]+)"', body))
    return empty, sorted(known - happened)


def lines(told):
    """JSON with a line for each name and each path."""
    text = lambda value: json.dumps(value, ensure_ascii=False, sort_keys=True)
    part = lambda facts: ",\n".join(f"{text(name)}: {text(facts[name])}" for name in sorted(facts))
    parts = (f"{text(name)}: {{\n{part(it)}\n}}" if isinstance(it, dict) else f"{text(name)}: {text(it)}"
             for name, it in sorted(told.items()))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("binary", help="the program, as `cargo build` makes it")
    arguments.add_argument("name", help="what the files are called, such as the date")
    arguments.add_argument("--story", choices=STORIES, default="everything", help="what happens in it")
    arguments.add_argument("--postgres", required=True, help="the folder of PostgreSQL's programs")
    given = arguments.parse_args()
    postgres = Postgres(given.postgres)
    try:
        story = STORIES[given.story](str(pathlib.Path(given.binary).resolve()), postgres)
        told = story.tell()
        empty, unseen = missing(postgres) if given.story == "everything" else ([], [])
        if empty or unseen:
            raise SystemExit(f"tables without a row: {empty}; events that did not happen: {unseen}")
        head = postgres.psql("select max(position), max(occurred_at) from events")[0]
        told["position"], told["made_at"] = int(head[0]), head[1]
        dump = gzip.compress(postgres.dump(), mtime=0)
    finally:
        postgres.stop()
    assert len(dump) <= MOST_BYTES, len(dump)
    folder = pathlib.Path(__file__).parent
    folder.joinpath(f"{given.name}.sql.gz").write_bytes(dump)
    folder.joinpath(f"{given.name}.key").write_text(MASTER_KEY + "\n")
    folder.joinpath(f"{given.name}.json").write_text(lines(told))


if __name__ == "__main__":
    main()
