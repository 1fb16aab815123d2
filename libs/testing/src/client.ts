import { checkDescribed } from './described-answers';

/** An answer of the gateway. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where there is a body. */
  readonly body: AnswerBody;
}

interface AnswerBody {
  readonly data?: never;
  readonly page?: { readonly nextCursor: string | null };
  readonly code?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly [field: string]: unknown;
}

/** Calls the gateway as one agent, and checks each answer against the description of the API. */
export class TestClient {
  constructor(
    private readonly gateway: string,
    private readonly key: string,
  ) {}

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, JSON.stringify(body), headers);
  }

  action(action: string, params: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post('/v1/actions', { action, params }, headers);
  }

  /** @param body sent as it is */
  async send(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.gateway + path, {
      method,
      body,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    const text = await response.text();
    const parsed = text ? (JSON.parse(text) as AnswerBody) : {};
    const { status } = response;
    checkDescribed({
      method,
      path,
      sent: body,
      status,
      contentType: response.headers.get('content-type'),
      body: parsed,
    });
    return { status, headers: response.headers, body: parsed };
  }
}
