import { INTERNAL_CALLS, JWKS_PATH, type CommandKeysReply } from '@agent-platform/contracts';
import { AppError, toProblem } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import { uuidV7 } from '@agent-platform/shared-security';
import type { IncomingMessage, ServerResponse } from 'node:http';

const MAX_AGE_MS = 5 * 60 * 1000;

/** The public door to the keys that commands are signed with: anyone who got one can prove who sent it. */
export class CommandKeys {
  private known: { readonly body: string; readonly at: number } | undefined;
  private asked: Promise<string> | undefined;

  constructor(private readonly bus: Bus) {}

  /** False where the request is for something else. */
  answer({ method, url = '/' }: IncomingMessage, response: ServerResponse): boolean {
    if (url.split('?', 1)[0] !== JWKS_PATH || (method !== 'GET' && method !== 'HEAD')) return false;
    void this.keys().then(
      (body) => send(response, 200, 'application/jwk-set+json', method === 'HEAD' ? '' : body),
      () => {
        const error = new AppError('service.unavailable', 'The keys cannot be read now. Try again shortly.');
        const problem = toProblem(error, uuidV7());
        send(response, problem.status, 'application/problem+json', JSON.stringify(problem));
      },
    );
    return true;
  }

  private keys(): Promise<string> {
    if (this.known && Date.now() - this.known.at < MAX_AGE_MS) return Promise.resolve(this.known.body);
    return (this.asked ??= this.ask().finally(() => (this.asked = undefined)));
  }

  private async ask(): Promise<string> {
    const body = JSON.stringify(await this.bus.call<CommandKeysReply>(INTERNAL_CALLS.commandKeys.subject, {}));
    this.known = { body, at: Date.now() };
    return body;
  }
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': contentType,
    ...(status === 200
      ? { 'Cache-Control': 'public, max-age=300', 'Access-Control-Allow-Origin': '*' }
      : { 'Retry-After': '1' }),
  });
  response.end(body);
}
