-- Filters of schedules and campaigns that had no index.
create index on read.schedules (state, created_position);
create index on read.schedules (timezone, created_position);
create index on read.campaigns ((pace::float8), created_position);
create index on read.campaigns (((pace * 60)::float8), created_position);
create index on read.campaigns (((1000 / pace)::float8), created_position);
