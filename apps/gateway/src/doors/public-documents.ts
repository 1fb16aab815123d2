import {
  ASYNCAPI_DOCUMENT,
  ASYNCAPI_PATH,
  WORKFLOW_DEFINITION_SCHEMA,
  WORKFLOW_SCHEMA_PATH,
} from '@agent-platform/contracts';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What anyone may read without a key, by path. */
const DOCUMENTS: ReadonlyMap<string, { readonly contentType: string; readonly body: string }> = new Map([
  [
    WORKFLOW_SCHEMA_PATH,
    { contentType: 'application/schema+json', body: JSON.stringify(WORKFLOW_DEFINITION_SCHEMA, null, 2) },
  ],
  [ASYNCAPI_PATH, { contentType: 'application/json', body: JSON.stringify(ASYNCAPI_DOCUMENT, null, 2) }],
]);

/** Answers a request for a public document; false where it is for none. */
export function answerDocument({ method, url = '/' }: IncomingMessage, response: ServerResponse): boolean {
  const document = method === 'GET' || method === 'HEAD' ? DOCUMENTS.get(url.split('?', 1)[0] ?? '') : undefined;
  if (!document) return false;
  response.writeHead(200, {
    'Content-Type': document.contentType,
    'Content-Length': Buffer.byteLength(document.body),
    'Cache-Control': 'public, max-age=3600',
    // Editors in a browser read it from another origin.
    'Access-Control-Allow-Origin': '*',
  });
  response.end(method === 'HEAD' ? undefined : document.body);
  return true;
}
