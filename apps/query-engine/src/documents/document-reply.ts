import type { Document } from '@agent-platform/contracts';
import type { Reply } from '@agent-platform/messaging';

/** The answer of one document: its JSON goes as it is, so that each number keeps its digits. */
export function documentReply(status: 200 | 201, shown: Omit<Document, 'document'>, documentJson: string): Reply {
  const { id, collection, agentId, version, createdAt, updatedAt } = shown;
  const before = JSON.stringify({ id, collection, agentId, version }).slice(0, -1);
  const after = JSON.stringify({ createdAt, updatedAt }).slice(1);
  return { status, body: `{"data":${before},"document":${documentJson},${after}}`, etag: String(version) };
}

/** A first answer that is given again shows the version that it showed. */
export function withEtag(reply: Reply): Reply {
  if (reply.etag !== undefined || reply.status >= 300 || reply.body === '') return reply;
  const { data } = JSON.parse(reply.body) as { data: Pick<Document, 'version'> };
  return { ...reply, etag: String(data.version) };
}

/** A page of rows that are JSON already. */
export function pageReply(rows: readonly string[], nextCursor: string | null): Reply {
  return { status: 200, body: `{"data":[${rows.join(',')}],"page":${JSON.stringify({ nextCursor })}}` };
}
