import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

/** One dispatched message of a stream. */
export interface SseRecord {
  readonly event: string;
  readonly data: string;
  /** Of the message itself; undefined where it had none. */
  readonly id: string | undefined;
}

/** A client of a stream, which reads by the rules of the HTML Living Standard section 9.2.6. */
export interface SseClient {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly messages: readonly SseRecord[];
  readonly comments: readonly string[];
  readonly retryMs: number | undefined;
  /** Where it would go on. */
  readonly lastEventId: string;
  /** By `performance.now()`, once the stream has ended or broken. */
  readonly endedAt: number | undefined;
  /** The body of an answer that is no stream. */
  problem(): { readonly code?: string };
  /** Reads nothing any more; what is on its way stays in the sockets' buffers. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** Resolves when the head of the answer has come. */
export function openSse(
  url: string,
  key: string,
  options: { readonly lastEventId?: string; readonly headers?: Record<string, string> } = {},
): Promise<SseClient> {
  const headers: Record<string, string> = { authorization: `Bearer ${key}`, ...options.headers };
  if (options.lastEventId !== undefined) headers['last-event-id'] = options.lastEventId;
  return new Promise((resolve, reject) => {
    // No agent: each stream has a connection of its own.
    const request = get(url, { agent: false, headers }, (response) => resolve(follow(response)));
    request.once('error', reject);
  });
}

function follow(response: IncomingMessage): SseClient {
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') ?? false;
  const messages: SseRecord[] = [];
  const comments: string[] = [];
  const state = { lastEventId: '', retryMs: undefined as number | undefined, endedAt: undefined as number | undefined };
  let rest = '';
  let fields: { event: string; data: string[]; id: string | undefined } = { event: '', data: [], id: undefined };
  const line = (text: string) => {
    if (text === '') {
      if (fields.id !== undefined) state.lastEventId = fields.id;
      if (fields.data.length > 0)
        messages.push({ event: fields.event || 'message', data: fields.data.join('\n'), id: fields.id });
      fields = { event: '', data: [], id: undefined };
      return;
    }
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(text) ?? [];
    if (name === '') comments.push(value);
    if (name === 'event') fields.event = value;
    if (name === 'data') fields.data.push(value);
    if (name === 'id') fields.id = value;
    if (name === 'retry') state.retryMs = Number(value);
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    rest += chunk;
    if (!isStream) return;
    const lines = rest.split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    lines.forEach(line);
  });
  response.on('error', () => undefined);
  response.once('close', () => (state.endedAt = performance.now()));
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    messages,
    comments,
    get retryMs() {
      return state.retryMs;
    },
    get lastEventId() {
      return state.lastEventId;
    },
    get endedAt() {
      return state.endedAt;
    },
    problem: () => JSON.parse(rest || '{}') as { code?: string },
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => void response.destroy(),
  };
}
