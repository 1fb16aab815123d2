import { STATUS_SUBJECT, type PlatformPart, type ReplicaStatus } from '@agent-platform/contracts';
import type { Bus } from '@agent-platform/messaging';
import { readChecks, type Logger, type ReadinessChecks } from '@agent-platform/observability';
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { buildCommit } from './build';

/** Counting on would cost more than it tells. */
const COUNT_LIMIT = 10_000;
/** Who asks waits for about a second. */
const READ_TIMEOUT_MS = 700;

/** What reads the depth of a queue, or a lag, now; cheap, as anybody with `system_admin` may ask at any time. */
type Gauge = () => number | Promise<number>;

/** Where the features of a service say what the status of the platform shows of them. */
export class StatusReport {
  private readonly gauges = new Map<string, Gauge>();

  /** @param name unique within the service, with the unit where it is no number of things: `lagSeconds` */
  add(name: string, read: Gauge): void {
    this.gauges.set(name, oneAtATime(read));
  }

  /** All of them; null for one that cannot be read now, or not in time. */
  async read(): Promise<Record<string, number | null>> {
    const entries = [...this.gauges].map(async ([name, read]) => [name, await inTime(read)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }
}

/** How many rows a query finds, counted to 10 000. */
export async function countUpTo(pool: Pool, query: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM (${query} LIMIT ${COUNT_LIMIT}) AS found`,
  );
  return rows[0]?.count ?? 0;
}

/** How much waits to be handed on, and for how long. */
export interface Outbox {
  readonly rows: number;
  readonly oldestSeconds: number;
}

interface StatusParts {
  readonly bus: Bus;
  readonly service: PlatformPart;
  readonly version: string;
  readonly checks: ReadinessChecks;
  readonly report: StatusReport;
  readonly outbox: (() => Promise<Outbox>) | undefined;
  readonly logger: Logger;
}

/** Answers the question for the status of this replica, until the returned function is called. */
export async function answerStatus(parts: StatusParts): Promise<() => Promise<void>> {
  const { bus, service, version, logger } = parts;
  const startedMs = Date.now();
  const own = {
    service,
    instance: randomUUID(),
    version,
    build: buildCommit,
    startedAt: new Date(startedMs).toISOString(),
  };
  const read = async (): Promise<ReplicaStatus> => {
    const [{ ready, results }, queues, outbox] = await Promise.all([
      readChecks(parts.checks),
      parts.report.read(),
      parts.outbox ? inTime(parts.outbox) : null,
    ]);
    const uptimeSeconds = Math.round((Date.now() - startedMs) / 1000);
    return { ...own, uptimeSeconds, ready, checks: results, outbox, queues };
  };
  const subscription = bus.subscribe(STATUS_SUBJECT, (message) => {
    read().then(
      (status) => message.respond(JSON.stringify(status)),
      (error: unknown) => logger.warn({ msg: 'the status could not be read', err: error }),
    );
  });
  await bus.flush();
  return () => subscription.drain();
}

/** Who asks while a reading is under way gets that: one that hangs must not take a connection for each. */
export function oneAtATime<T>(read: () => T | Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => (underWay ??= Promise.resolve(read()).finally(() => (underWay = undefined)));
}

/** Null where it fails or takes too long. */
export async function inTime<T>(read: () => T | Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([read(), late]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
