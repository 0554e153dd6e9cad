-- The tenant of an address, by which inbound messages are routed.

create index on read.tenants using gin (numbers);
create index on read.tenants using gin (mail_domains);
