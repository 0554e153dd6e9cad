-- The role that the dump grants to and that belongs to the whole server, as pg_dumpall --roles-only
-- would say it. Servers that start on other databases of it may be making the role too.
do $$
begin
    if not exists (select from pg_roles where rolname = 'ledgerline_reader') then
        create role ledgerline_reader login;
        alter role ledgerline_reader set search_path = read;
        alter role ledgerline_reader set default_transaction_read_only = on;
    end if;
exception
    when duplicate_object or unique_violation then null;
end
$$;
