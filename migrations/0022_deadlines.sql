-- A deadline says until when an attempt may start; one that has started has its own time.

comment on column dispatch.queue.deadline is 'After this it does not start any more.';
