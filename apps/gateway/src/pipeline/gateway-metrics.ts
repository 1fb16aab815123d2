import { ACTIONS } from '@agent-platform/contracts';
import { ERRORS } from '@agent-platform/errors';
import type { Metrics, Reading } from '@agent-platform/observability';

/** What a request is counted under that is for no one action. */
const DOORS = ['none', 'rest', 'envelope', 'graphql', 'stream', 'webhook.receive'];
/** Where a request spends its time; each is left for the next. */
const STAGES = [
  'authentication',
  'rate_limit',
  'body',
  'signature',
  'forwarding',
  'graphql',
  'stream',
  'audit',
] as const;
export type Stage = (typeof STAGES)[number];
const SUCCESSES = [101, 200, 201, 202, 204, 302, 303, 304];
const CODES = Object.keys(ERRORS);

/** What the gateway measures of requests. */
export class GatewayMetrics {
  private underWay = 0;
  private readonly requests;
  private readonly stages;
  private readonly refusals;
  private readonly failedAuthentications;
  readonly auditEntriesGivenUp;

  constructor(metrics: Metrics) {
    const statuses = new Set([...SUCCESSES, ...Object.values(ERRORS).map(({ status }) => status)]);
    this.requests = metrics.durations(
      'gateway_request_duration_seconds',
      'Time from the request to its answer, by action (or door, of a request for no one action) and status.',
      { action: [...DOORS, ...ACTIONS.map(({ name }) => name)], status: [...statuses].map(String) },
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    );
    metrics.gauge('gateway_requests_under_way', 'Requests that are not answered yet.', [], () => this.underWay);
    const stages = metrics.durations(
      'gateway_stage_duration_seconds',
      'How long requests spend in each stage of the pipeline; a request that ends in a stage counts there.',
      { stage: STAGES },
    );
    // Kept, as each request asks for several.
    this.stages = Object.fromEntries(STAGES.map((stage) => [stage, stages.of(stage)])) as Record<
      Stage,
      ReturnType<typeof stages.of>
    >;
    this.refusals = metrics.counter(
      'gateway_refusals_total',
      'Requests that the gateway refused itself, by problem code.',
      {
        code: CODES,
      },
    );
    this.failedAuthentications = metrics.counter(
      'gateway_failed_authentications_total',
      'Requests, sockets and their documents that were answered 401.',
    );
    this.auditEntriesGivenUp = metrics.counter(
      'gateway_audit_entries_given_up_total',
      'Audit entries of reads that were dropped, as auth could not store them for too long.',
    );
  }

  began(): void {
    this.underWay++;
  }

  /** What began has been answered. */
  ended(action: string, status: number, milliseconds: number): void {
    this.underWay--;
    this.requests.of(action, String(status)).observe(milliseconds / 1000);
  }

  refused(code: string, status: number): void {
    this.refusals.inc(code);
    if (status === 401) this.failedAuthentications.inc();
  }

  /** @param milliseconds that a request spent there */
  left(stage: Stage, milliseconds: number): void {
    this.stages[stage].observe(milliseconds / 1000);
  }
}

/** What is kept in memory so that it need not be asked for, or read, again. */
interface Cache {
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
}

/** Exports how full caches are and how often they knew what was asked for. */
export function measureCaches(metrics: Metrics, caches: Readonly<Record<'identities' | 'documents', Cache>>): void {
  const all = Object.entries(caches);
  metrics.gauge(
    'gateway_cache_entries',
    'Entries of a cache: of agents by key, and of GraphQL documents.',
    ['cache'],
    () => all.map(([name, { size }]) => [size, name]),
  );
  metrics.counted(
    'gateway_cache_requests_total',
    'What was asked of a cache, by whether it knew.',
    ['cache', 'outcome'],
    () =>
      all.flatMap(([name, { hits, misses }]): Reading[] => [
        [hits, name, 'hit'],
        [misses, name, 'miss'],
      ]),
  );
}
