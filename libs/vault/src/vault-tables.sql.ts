/** Where a service keeps what it encrypts: `<schema>.master_keys`, and a table with `id`, `key_version` and `wrapped_key`. */
export interface VaultTables {
  readonly schema: string;
  readonly table: string;
  /** What a row of the table is called; part of what a data key is bound to, so it never changes. */
  readonly noun: string;
}

/**
 * The versions of the master key, and a trigger for the table of what is encrypted: nothing is wrapped with a master key that
 * has been replaced, so that a rotation that found nothing left has nothing left. Part of landed migrations: never edited.
 */
export function vaultTablesV1({ schema, table }: VaultTables, role: string): string {
  return `
CREATE TABLE ${schema}.master_keys (
  version integer PRIMARY KEY,
  salt bytea NOT NULL,
  proof bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT master_keys_version_check CHECK (version > 0)
);
COMMENT ON TABLE ${schema}.master_keys IS 'Versions of the master key; the newest is the one in use. The proof opens under the right key alone; no key is here.';
ALTER TABLE ${schema}.master_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY master_keys_owner ON ${schema}.master_keys TO ap_owner USING (true) WITH CHECK (true);
CREATE POLICY master_keys_service ON ${schema}.master_keys TO ${role}
  USING ((SELECT platform.is_service())) WITH CHECK ((SELECT platform.is_service()));
GRANT SELECT, INSERT, DELETE ON ${schema}.master_keys TO ${role};

-- The lock orders a write and the activation of a new version; each statement here sees what was committed before it began.
CREATE FUNCTION ${schema}.refuse_old_master_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('${schema}.master_keys', 0));
  IF NEW.key_version IS DISTINCT FROM (SELECT max(version) FROM ${schema}.master_keys) THEN
    RAISE EXCEPTION 'the master key version % is not the one in use', NEW.key_version USING ERRCODE = 'APMK1';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ${table}_key_version BEFORE INSERT OR UPDATE OF wrapped_key, key_version
  ON ${schema}.${table} FOR EACH ROW EXECUTE FUNCTION ${schema}.refuse_old_master_key();
`;
}
