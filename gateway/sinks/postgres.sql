-- Version 1 of what callscribe keeps in PostgreSQL. It is run once, in one transaction.

CREATE TABLE callscribe.calls (
    session_id text PRIMARY KEY,
    conversation_id text,
    name text,
    channels integer,
    channel_labels text[],
    started timestamptz,
    ended timestamptz,
    erased timestamptz
);
COMMENT ON COLUMN callscribe.calls.ended IS 'when it was written that nothing more will come';
COMMENT ON COLUMN callscribe.calls.erased IS 'when the call was erased; nothing else is left of it';
CREATE INDEX ON callscribe.calls (conversation_id);
CREATE INDEX ON callscribe.calls (started);

CREATE TABLE callscribe.finals (
    session_id text NOT NULL REFERENCES callscribe.calls ON DELETE CASCADE,
    seq bigint NOT NULL,
    channel integer NOT NULL,
    utterance integer NOT NULL,
    start_s double precision NOT NULL,
    end_s double precision NOT NULL,
    text text NOT NULL,
    language text,
    words jsonb,
    PRIMARY KEY (session_id, channel, utterance)
);
COMMENT ON COLUMN callscribe.finals.seq IS 'order of the finals of a call, over all of its channels';
COMMENT ON COLUMN callscribe.finals.start_s IS 'seconds from the beginning of the call';
CREATE INDEX ON callscribe.finals (session_id, seq);

CREATE TABLE callscribe.keywords (
    message_id text PRIMARY KEY,
    session_id text NOT NULL REFERENCES callscribe.calls ON DELETE CASCADE,
    channel integer NOT NULL,
    utterance integer NOT NULL,
    message jsonb NOT NULL
);
CREATE INDEX ON callscribe.keywords (session_id);

CREATE TABLE callscribe.digits (
    message_id text PRIMARY KEY,
    session_id text NOT NULL REFERENCES callscribe.calls ON DELETE CASCADE,
    channel integer NOT NULL,
    at_s double precision NOT NULL,
    digit text NOT NULL
);
CREATE INDEX ON callscribe.digits (session_id);
