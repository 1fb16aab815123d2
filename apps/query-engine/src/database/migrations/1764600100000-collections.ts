import { ownerRowsV1, type Migration } from '@agent-platform/database';
import { messagingTablesV1 } from '@agent-platform/messaging';

/**
 * Collections, and who else may use them. A collection that was deleted is hidden from all agents at once, by its policy; its
 * row stays until the service has removed its documents bit by bit.
 */
export const collections: Migration = {
  name: '1764600100000-collections',
  sql: `
CREATE TABLE data.collections (
  id uuid PRIMARY KEY,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  schema json,
  max_documents integer,
  max_document_bytes integer,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  CONSTRAINT collections_id_agent_id_key UNIQUE (id, agent_id),
  CONSTRAINT collections_name_check CHECK (length(name) BETWEEN 1 AND 63),
  CONSTRAINT collections_max_documents_check CHECK (max_documents > 0),
  CONSTRAINT collections_max_document_bytes_check CHECK (max_document_bytes > 0)
);
COMMENT ON TABLE data.collections IS 'Named sets of JSON documents, each of one agent.';
COMMENT ON COLUMN data.collections.schema IS 'JSON Schema (2020-12) that documents are checked against when they are written; as text, so that its keys keep their order.';
CREATE UNIQUE INDEX collections_agent_id_name_key ON data.collections (agent_id, name) WHERE deleted_at IS NULL;
CREATE INDEX collections_deleted_at_idx ON data.collections (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE data.collection_grants (
  collection_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  access text NOT NULL DEFAULT 'read' CONSTRAINT collection_grants_access_check CHECK (access IN ('read', 'write')),
  granted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (collection_id, agent_id),
  -- An agent cannot grant itself what another owns.
  CONSTRAINT collection_grants_owner_fk FOREIGN KEY (collection_id, owner_id) REFERENCES data.collections (id, agent_id) ON DELETE CASCADE
);
COMMENT ON TABLE data.collection_grants IS 'Who beside its owner may read or write the documents of a collection.';
CREATE INDEX collection_grants_agent_id_idx ON data.collection_grants (agent_id, collection_id);
${ownerRowsV1('data', 'collection_grants')}
CREATE POLICY collection_grants_read ON data.collection_grants FOR SELECT TO ap_data
  USING (agent_id = (SELECT platform.current_agent_id()) OR owner_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY collection_grants_change ON data.collection_grants TO ap_data
  USING (owner_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (owner_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
GRANT SELECT, INSERT, DELETE ON data.collection_grants TO ap_data;
GRANT UPDATE (access) ON data.collection_grants TO ap_data;

${ownerRowsV1('data', 'collections')}
CREATE POLICY collections_read ON data.collections FOR SELECT TO ap_data USING (
  (SELECT platform.is_service()) OR deleted_at IS NULL AND (
    agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()) OR EXISTS (
      SELECT FROM data.collection_grants g
      WHERE g.collection_id = collections.id AND g.agent_id = (SELECT platform.current_agent_id()))));
CREATE POLICY collections_insert ON data.collections FOR INSERT TO ap_data
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY collections_update ON data.collections FOR UPDATE TO ap_data
  USING (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()))
  WITH CHECK (agent_id = (SELECT platform.current_agent_id()) OR (SELECT platform.sees_all()));
CREATE POLICY collections_delete ON data.collections FOR DELETE TO ap_data USING ((SELECT platform.is_service()));
GRANT SELECT, INSERT, DELETE ON data.collections TO ap_data;
GRANT UPDATE (name, schema, max_documents, max_document_bytes, version, updated_at) ON data.collections TO ap_data;

-- The collections whose documents the agent of the transaction may read, or may write as well; those that were deleted are none
-- any more. As the owner of the tables, so that the policies of documents cost one look-up and not one of each table's own.
CREATE FUNCTION data.agent_collections(p_write boolean) RETURNS SETOF uuid
  LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id FROM data.collections c WHERE c.agent_id = platform.current_agent_id() AND c.deleted_at IS NULL
  UNION ALL
  SELECT g.collection_id FROM data.collection_grants g
    WHERE g.agent_id = platform.current_agent_id() AND (g.access = 'write' OR NOT p_write)
$$;

-- Hides a collection from everybody, and frees its name. As the owner of the tables, since no policy lets a row be hidden from
-- whoever hides it; so it checks itself that the collection is the agent's. Answers whether there was one.
CREATE FUNCTION data.remove_collection(p_id uuid) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE data.collections c SET deleted_at = now()
    WHERE c.id = p_id AND c.deleted_at IS NULL AND (c.agent_id = platform.current_agent_id() OR platform.sees_all());
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM data.collection_grants g WHERE g.collection_id = p_id;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION data.agent_collections, data.remove_collection FROM PUBLIC;
GRANT EXECUTE ON FUNCTION data.agent_collections, data.remove_collection TO ap_data;

${messagingTablesV1('data', 'ap_data')}
`,
};
