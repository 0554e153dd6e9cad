create table access_keys (
    name text primary key,
    sealed text not null,
    created_at timestamptz not null default now()
);
comment on table access_keys is 'Keys that every process of the installation shares, sealed by the master key.';
comment on column access_keys.name is 'What it is for: token signs the tokens of the API.';
comment on column access_keys.sealed is 'The key.';
comment on column access_keys.created_at is 'When it was made.';
