/** What an action answers: an HTTP status and a body that is JSON already, passed through to the client as it is. */
export interface Reply {
  readonly status: number;
  /** Empty for 204. */
  readonly body: string;
  /** The version that the answer shows, without quotes; the gateway answers it as `ETag`. */
  readonly etag?: string;
}

/** The header of a reply that carries its HTTP status. */
export const STATUS_HEADER = 'Status';
/** The header of a reply that carries its entity tag, where it has one. */
export const ETAG_HEADER = 'Entity-Tag';

export function ok(data: object): Reply {
  return { status: 200, body: JSON.stringify({ data }) };
}

export function created(data: object): Reply {
  return { status: 201, body: JSON.stringify({ data }) };
}

export function accepted(data: object): Reply {
  return { status: 202, body: JSON.stringify({ data }) };
}

export function noContent(): Reply {
  return { status: 204, body: '' };
}

/**
 * A page of a list. `rows` holds one more than `limit` where there are more: that one is cut off, and the id of the last
 * that is shown becomes the cursor.
 *
 * @param more what else the page tells
 */
export function page<Row extends { readonly id: string }>(
  rows: readonly Row[],
  limit: number,
  more: object = {},
): Reply {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextCursor = rows.length > limit && last ? Buffer.from(last.id).toString('base64url') : null;
  return { status: 200, body: JSON.stringify({ data: shown, page: { nextCursor, ...more } }) };
}
