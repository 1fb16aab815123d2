/** A request that a provider has sent, as it came. */
export interface WebhookRequest {
  readonly method: string;
  /** The whole address: that of PUBLIC_URL with the path and query as they were sent. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Whether the body is a form (`application/x-www-form-urlencoded`). */
export function isForm({ headers }: Pick<WebhookRequest, 'headers'>): boolean {
  return /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(headers['content-type'] ?? '');
}
