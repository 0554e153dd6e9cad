-- What one worker at a time may do: held under a lease, so that another takes over when its holder dies.

create table dispatch.exclusive_leases (
    name text primary key,
    holder text not null,
    until timestamptz not null
) with (
    fillfactor = 50,
    -- A handful of rows, each renewed every few seconds.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_cost_delay = 0
);
comment on table dispatch.exclusive_leases is 'The leases of what one worker at a time may do.';
comment on column dispatch.exclusive_leases.name is 'The name of the lease: smpp-receiver/ID of a provider.';
comment on column dispatch.exclusive_leases.holder is 'A random word of the task that holds it.';
comment on column dispatch.exclusive_leases.until is 'The end of the lease unless it is renewed, by the clock of the database.';
