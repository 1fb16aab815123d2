import type { Documents } from './documents';

/** What an HTTP request asks to be executed (GraphQL over HTTP, section 5). */
export interface RequestParams {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: Record<string, unknown> | null;
}

/** The response to what cannot be asked for. */
export class RequestRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/**
 * The params of a request, whose document may be one that was kept: `extensions.persistedQuery` holds `version: 1` and `sha256Hash`, as Apollo's
 * clients send them (https://www.apollographql.com/docs/apollo-server/performance/apq).
 *
 * @param search the query string of a GET; the body of a POST otherwise
 * @throws RequestRefusal
 */
export function readRequest(search: string | undefined, body: Buffer, documents: Documents): RequestParams {
  const given = search === undefined ? fromBody(body) : fromSearch(search);
  const { query, operationName, variables, extensions } = given;
  const isObject = (value: unknown) => typeof value === 'object' && !Array.isArray(value);
  const bad = [
    [query === undefined || query === null || typeof query === 'string', 'query must be text'],
    [
      operationName === undefined || operationName === null || typeof operationName === 'string',
      'operationName must be text',
    ],
    [variables === undefined || isObject(variables), 'variables must be an object'],
    [extensions === undefined || isObject(extensions), 'extensions must be an object'],
  ].find(([isGood]) => !isGood);
  if (bad) throw new RequestRefusal(400, `${String(bad[1])}.`, 'request.invalid');
  return {
    query: documentOf(query as string | null | undefined, extensions as Record<string, unknown> | null, documents),
    operationName: operationName as string | null | undefined,
    variables: variables as Record<string, unknown> | null | undefined,
  };
}

function documentOf(
  query: string | null | undefined,
  extensions: Record<string, unknown> | null | undefined,
  documents: Documents,
): string {
  const persisted = extensions?.persistedQuery as { version?: unknown; sha256Hash?: unknown } | undefined;
  if (!persisted) {
    if (query === undefined || query === null || query === '')
      throw new RequestRefusal(400, 'query is missing: send {"query": "{ meGet { name } }"}.', 'request.invalid');
    return query;
  }
  const { version, sha256Hash: hash } = persisted;
  if (version !== 1 || typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))
    throw new RequestRefusal(400, 'persistedQuery must have version 1 and a sha256Hash in hex.', 'request.invalid');
  if (query) {
    if (documents.persist(query, hash)) return query;
    throw new RequestRefusal(400, 'sha256Hash is not that of the query.', 'request.invalid');
  }
  const kept = documents.findPersisted(hash);
  // Clients know this one by its message and code, and send the document with their next request.
  if (kept === undefined) throw new RequestRefusal(200, 'PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND');
  return kept;
}

function fromBody(body: Buffer): Record<string, unknown> {
  const parsed = json(body.toString('utf8'), 'The body');
  if (Array.isArray(parsed))
    throw new RequestRefusal(400, 'One document at a time: send an object, not a list.', 'request.invalid');
  if (typeof parsed !== 'object' || parsed === null)
    throw new RequestRefusal(400, 'The body must be an object with a query.', 'request.malformed');
  return parsed as Record<string, unknown>;
}

function fromSearch(search: string): Record<string, unknown> {
  const params = new URLSearchParams(search);
  const text = (name: string) => params.get(name) ?? undefined;
  const object = (name: string) => {
    const value = text(name);
    return value === undefined ? undefined : json(value, name);
  };
  return {
    query: text('query'),
    operationName: text('operationName'),
    variables: object('variables'),
    extensions: object('extensions'),
  };
}

function json(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestRefusal(400, `${what} must be JSON.`, 'request.malformed');
  }
}
