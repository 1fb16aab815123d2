import type { Lifecycle } from './lifecycle';
import type { MetricsSource } from './merge-metrics';
import { scrub } from './scrub';

/** Throws a plain `Error` with one safe sentence when a part is not ready. */
export type ReadinessCheck = () => Promise<void> | void;
export type ReadinessChecks = Readonly<Record<string, ReadinessCheck>>;

export interface ProbeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const PROBE_PATHS = ['/startupz', '/livez', '/readyz', '/metrics'];
/** A check that hangs counts as failed after this. */
const CHECK_TIMEOUT_MS = 2000;
const MAX_REASON_LENGTH = 200;
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Answers `/startupz` (the start has finished), `/livez` (it can work), `/readyz` (it takes requests) and `/metrics`;
 * undefined for any other path. For servers that answer other paths too; `startProbeServer` is for the rest.
 */
export function probe(lifecycle: Lifecycle, metrics: MetricsSource, version?: string) {
  const readings: Readonly<Record<string, () => Promise<ProbeAnswer>>> = {
    '/startupz': () => answerOf(lifecycle.startup, version),
    '/livez': () => answerOf(lifecycle.liveness, version),
    '/readyz': () => answerOf(lifecycle.readiness, version),
    '/metrics': () => collect(metrics),
  };
  const running = new Map<string, Promise<ProbeAnswer>>();
  return async (path: string): Promise<ProbeAnswer | undefined> => {
    const read = readings[path];
    if (!read) return undefined;
    // Anyone may ask, so that all who ask at once share one reading.
    const shared = running.get(path) ?? read().finally(() => running.delete(path));
    running.set(path, shared);
    return shared;
  };
}

/** Whether a path is one that `probe` answers. */
export function isProbePath(path: string): boolean {
  return PROBE_PATHS.includes(path);
}

async function collect(metrics: MetricsSource): Promise<ProbeAnswer> {
  try {
    return { status: 200, contentType: metrics.contentType, body: await metrics.metrics() };
  } catch {
    return { status: 500, contentType: 'text/plain; charset=utf-8', body: 'The metrics cannot be collected.\n' };
  }
}

async function answerOf(checks: ReadinessChecks, version: string | undefined): Promise<ProbeAnswer> {
  const { ready, results } = await readChecks(checks);
  const body = { status: ready ? 'ok' : 'unavailable', checks: results, version };
  return { status: ready ? 200 : 503, contentType: JSON_TYPE, body: JSON.stringify(body) };
}

/** What each check says: `ok`, or why not. One that hangs has failed after two seconds. */
export async function readChecks(
  checks: ReadinessChecks,
): Promise<{ readonly ready: boolean; readonly results: Readonly<Record<string, string>> }> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await run(check)] as const),
  );
  return { ready: results.every(([, result]) => result === 'ok'), results: Object.fromEntries(results) };
}

async function run(check: ReadinessCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('did not answer in time')), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), timeout]);
    return 'ok';
  } catch (error) {
    return reasonOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Errors of drivers carry a code, and in their messages names of hosts, roles and tables: only the code is shown. */
function reasonOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === 'string') return `failed (${code})`;
  if (!(error instanceof Error) || error.constructor !== Error || error.message === '') return 'failed';
  return scrub(error.message.split('\n')[0] ?? '').slice(0, MAX_REASON_LENGTH);
}
