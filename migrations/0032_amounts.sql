-- The amount of an attempt counts parts of short messages too.

comment on column read.spools.amount is
    'Billed seconds of a call or fax; parts of a short message.';
