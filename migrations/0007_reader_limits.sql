-- Postgres lets every role take advisory locks, make large objects and temporary
-- tables: an analyst could hold up the projections or fill the disk. Only a
-- superuser can take that away, which ledgerline is in its embedded database; on a
-- server of one's own it is the administrator's to decide.
do $$
declare
    callable record;
begin
    execute format('revoke temporary on database %I from public', current_database());
    if current_user = 'ledgerline' and (select rolsuper from pg_roles where rolname = current_user) then
        for callable in
            select oid::regprocedure as signature from pg_proc
             where pronamespace = 'pg_catalog'::regnamespace
               and (proname like 'pg\_%advisory%' or proname like 'lo\_%' or proname = 'lowrite')
        loop
            execute format('revoke execute on function %s from public', callable.signature);
        end loop;
    end if;
exception
    when insufficient_privilege then
        raise warning 'ledgerline_reader may make temporary tables in this database';
end $$;
