import type { Migration } from '@agent-platform/database';

/**
 * The way of a query to the GIN indexes. Under row-level security Postgres uses no operator that is not leakproof for an index
 * ahead of the policy, and `@>` and `@@` are not: every query would read its whole collection. This function looks as the
 * owner of the tables, of whom no policy asks anything, in one collection, after it has checked that the agent may read that. It gives
 * ids alone; the documents are read by the statement that asked, under the policies of the agent.
 */
export const matchingDocuments: Migration = {
  name: '1764600102000-matching-documents',
  sql: `
-- Documents of a collection that hold one of p_contains (jsonb) and the words of p_text, either of which may be NULL. Where
-- more than p_limit do, an index helps nobody: SQLSTATE DQ001.
CREATE FUNCTION data.matching_documents(p_collection uuid, p_contains jsonb[], p_text text, p_limit integer)
  RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
  SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  found_rows bigint;
BEGIN
  IF NOT platform.sees_all() AND p_collection NOT IN (SELECT data.agent_collections(false)) THEN
    RETURN;
  END IF;
  IF p_text IS NULL THEN
    RETURN QUERY SELECT d.id FROM data.documents d
      WHERE d.collection_id = p_collection AND d.document @> ANY (p_contains) LIMIT p_limit + 1;
  ELSIF p_contains IS NULL THEN
    RETURN QUERY SELECT d.id FROM data.documents d
      WHERE d.collection_id = p_collection AND d.search @@ websearch_to_tsquery('simple', p_text) LIMIT p_limit + 1;
  ELSE
    RETURN QUERY SELECT d.id FROM data.documents d
      WHERE d.collection_id = p_collection AND d.document @> ANY (p_contains)
        AND d.search @@ websearch_to_tsquery('simple', p_text) LIMIT p_limit + 1;
  END IF;
  GET DIAGNOSTICS found_rows = ROW_COUNT;
  IF found_rows > p_limit THEN
    RAISE EXCEPTION USING ERRCODE = 'DQ001', MESSAGE = 'more documents match than an index is worth';
  END IF;
END $$;
REVOKE ALL ON FUNCTION data.matching_documents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION data.matching_documents TO ap_data;
`,
};
