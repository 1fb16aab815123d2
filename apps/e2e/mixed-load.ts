import type { TestDatabase } from '@agent-platform/testing';
import { Agent, request as send } from 'node:http';

const CLIENTS = 20;
/** Longer than anything may take. */
const TIMEOUT_MS = 30_000;

/** How one request has ended. */
export interface Outcome {
  /** Such as `POST workflows`. */
  readonly what: string;
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | undefined;
}

interface MixedLoadOptions {
  readonly url: string;
  readonly key: string;
  /** Is run, and waited for. */
  readonly workflowId: string;
  readonly perSecond: number;
  /** Whether an answer that is no success counts as none all the same; default never. */
  readonly mayBe?: (outcome: Outcome) => boolean;
}

/**
 * Mixed requests at a steady rate: reads, and changes with idempotency keys. Clients keep their connections, as most do; none
 * repeats anything. The collection `load` must be there.
 */
export class MixedLoad {
  /** What failed, by what was asked and what came of it, and how often. */
  readonly failures = new Map<string, number>();
  readonly acceptedRuns: string[] = [];
  readonly acceptedEvents: string[] = [];
  sent = 0;
  succeeded = 0;
  slowestMs = 0;
  private readonly agents = Array.from({ length: CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 8 }));
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: MixedLoadOptions) {}

  start(): void {
    const startedAt = performance.now();
    this.timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * this.options.perSecond);
      while (this.sent < due) {
        const one = this.one(this.sent++).finally(() => this.underWay.delete(one));
        this.underWay.add(one);
      }
    }, 10);
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    for (const agent of this.agents) agent.destroy();
  }

  fail(what: string): void {
    this.failures.set(what, (this.failures.get(what) ?? 0) + 1);
  }

  private async one(n: number): Promise<void> {
    const [method, path, body] = this.requestOf(n);
    const what = `${method} ${path.split(/[/?]/)[2]}`;
    const startedAt = performance.now();
    try {
      const outcome = await this.send(n, { what, method, path, body });
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
      if (outcome.status < 400) this.succeed(outcome);
      else if (!this.options.mayBe?.(outcome)) this.fail(`${what}: ${outcome.status} ${outcome.body.slice(0, 200)}`);
    } catch (error) {
      this.fail(`${what}: ${(error as Error).message}`);
    }
  }

  private succeed({ what, body }: Outcome): void {
    this.succeeded++;
    if (what === 'POST workflows') this.acceptedRuns.push(idOf(body));
    if (what === 'POST events') this.acceptedEvents.push(idOf(body));
  }

  private requestOf(n: number): [string, string, object?] {
    switch (n % 8) {
      case 0:
        return ['POST', `/v1/workflows/${this.options.workflowId}/runs?wait=5`, { input: { n } }];
      case 1:
        return ['POST', '/v1/data/load', { document: { n } }];
      case 2:
        return ['POST', '/v1/events', { type: 'load.tick', data: { n } }];
      case 3:
        return ['POST', '/v1/data/load/query', { filter: { n: { lt: 10 } }, limit: 5 }];
      case 4:
        return ['GET', '/v1/integrations'];
      case 5:
        return ['GET', '/v1/me'];
      case 6:
        return ['GET', '/v1/events?limit=5'];
      default:
        return ['GET', '/v1/workflows'];
    }
  }

  private send(
    n: number,
    { what, method, path, body }: { what: string; method: string; path: string; body: object | undefined },
  ): Promise<Outcome> {
    const text = body && JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${this.options.key}`,
      ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...(method !== 'GET' && { 'idempotency-key': `load-${n}` }),
    };
    return new Promise((resolve, reject) => {
      const options = { method, headers, agent: this.agents[n % CLIENTS], timeout: TIMEOUT_MS };
      const sent = send(`${this.options.url}${path}`, options, (response) => {
        let answer = '';
        response.on('data', (chunk: Buffer) => (answer += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers: answered } = response;
          resolve({ what, status, body: answer, retryAfter: answered['retry-after'] });
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

/** Runs that have not ended. */
export async function countOpenRuns(database: TestDatabase): Promise<number> {
  const rows = await database.query<{ runs: number }>(
    "SELECT count(*)::int AS runs FROM workflow.workflow_runs WHERE status NOT IN ('completed', 'failed', 'cancelled')",
  );
  return rows[0]?.runs ?? 0;
}

function idOf(answer: string): string {
  return (JSON.parse(answer) as { data: { id: string } }).data.id;
}
