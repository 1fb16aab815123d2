import { ownerRowsV1, type Migration } from '@agent-platform/database';

/** What the agent may do with a document goes by its collection; the function is called once for a statement, however many it reads. */
const READABLE = '(SELECT platform.sees_all()) OR collection_id IN (SELECT data.agent_collections(false))';
const WRITABLE = '(SELECT platform.sees_all()) OR collection_id IN (SELECT data.agent_collections(true))';

/** The documents of all collections. Who may see a collection may see them; who may write it, its owner and write grants say. */
export const documents: Migration = {
  name: '1764600101000-documents',
  sql: `
-- The words of a document. Of one with more words than Postgres can hold in one index entry none, rather than no document.
CREATE FUNCTION data.document_words(p_document jsonb) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN jsonb_to_tsvector('simple', p_document, '["string", "numeric"]');
EXCEPTION WHEN program_limit_exceeded THEN
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION data.document_words FROM PUBLIC;
GRANT EXECUTE ON FUNCTION data.document_words TO ap_data;

CREATE TABLE data.documents (
  id uuid NOT NULL,
  collection_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  created_by uuid NOT NULL,
  version integer NOT NULL DEFAULT 1,
  document jsonb NOT NULL,
  search tsvector GENERATED ALWAYS AS (data.document_words(document)) STORED,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (collection_id, id),
  -- The owner of a document is the owner of its collection, and nobody else.
  CONSTRAINT documents_collection_fk FOREIGN KEY (collection_id, agent_id) REFERENCES data.collections (id, agent_id),
  CONSTRAINT documents_document_check CHECK (jsonb_typeof(document) = 'object')
);
COMMENT ON TABLE data.documents IS 'JSON documents.';
COMMENT ON COLUMN data.documents.agent_id IS 'The owner of the collection.';
COMMENT ON COLUMN data.documents.created_by IS 'The agent that stored it.';
CREATE INDEX documents_document_idx ON data.documents USING gin (document jsonb_path_ops);
CREATE INDEX documents_search_idx ON data.documents USING gin (search);
${ownerRowsV1('data', 'documents')}
CREATE POLICY documents_read ON data.documents FOR SELECT TO ap_data USING (${READABLE});
-- Not FOR ALL: that would count for reading as well.
CREATE POLICY documents_insert ON data.documents FOR INSERT TO ap_data WITH CHECK (${WRITABLE});
CREATE POLICY documents_update ON data.documents FOR UPDATE TO ap_data USING (${WRITABLE}) WITH CHECK (${WRITABLE});
CREATE POLICY documents_delete ON data.documents FOR DELETE TO ap_data USING (${WRITABLE});
GRANT SELECT, INSERT, DELETE ON data.documents TO ap_data;
GRANT UPDATE (version, document, updated_at) ON data.documents TO ap_data;
`,
};
