import { OPENAPI_PATH, openApiDocument, REFERENCE_PATH, referencePage } from '@agent-platform/api-description';
import {
  ASYNCAPI_DOCUMENT,
  ASYNCAPI_PATH,
  WORKFLOW_DEFINITION_SCHEMA,
  WORKFLOW_SCHEMA_PATH,
} from '@agent-platform/contracts';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

interface PublicDocument {
  readonly contentType: string;
  readonly body: Buffer;
  readonly zipped: Buffer;
  readonly etag: string;
}

/** What anyone may read without a key, by path. */
export class PublicDocuments {
  private readonly documents: ReadonlyMap<string, PublicDocument>;

  /** @param version of the platform, which the documents name */
  constructor(version: string) {
    const json = (document: object) => JSON.stringify(document, null, 2);
    this.documents = new Map([
      [WORKFLOW_SCHEMA_PATH, documentOf('application/schema+json', json(WORKFLOW_DEFINITION_SCHEMA))],
      [ASYNCAPI_PATH, documentOf('application/json', json(ASYNCAPI_DOCUMENT))],
      [OPENAPI_PATH, documentOf('application/json', json(openApiDocument(version)))],
      [REFERENCE_PATH, documentOf('text/html; charset=utf-8', referencePage(version))],
    ]);
  }

  /** Answers a request for a public document; false where it is for none. */
  answer({ method, url = '/', headers }: IncomingMessage, response: ServerResponse): boolean {
    const document = method === 'GET' || method === 'HEAD' ? this.documents.get(url.split('?', 1)[0] ?? '') : undefined;
    if (!document) return false;
    const { contentType, etag } = document;
    const isZipped = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''));
    const body = isZipped ? document.zipped : document.body;
    const isKnown = headers['if-none-match'] === etag;
    response.writeHead(isKnown ? 304 : 200, {
      ETag: etag,
      Vary: 'Accept-Encoding',
      // Looked at again each time: what stands in them changes with the version that runs.
      'Cache-Control': 'no-cache',
      // Editors and tools in a browser read them from another origin.
      'Access-Control-Allow-Origin': '*',
      'X-Content-Type-Options': 'nosniff',
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      ...(!isKnown && {
        'Content-Type': contentType,
        'Content-Length': body.length,
        ...(isZipped && { 'Content-Encoding': 'gzip' }),
      }),
    });
    response.end(isKnown || method === 'HEAD' ? undefined : body);
    return true;
  }
}

function documentOf(contentType: string, text: string): PublicDocument {
  const body = Buffer.from(text);
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { contentType, body, zipped: gzipSync(body), etag };
}
