import { readChecks, type Metrics, type ReadinessChecks, type Reading } from '@agent-platform/observability';
import { buildCommit } from './build';
import { inTime, type Outbox, type StatusReport } from './status';

/** However often metrics are asked for, what they read of the database is read no more often than this. */
const MAX_AGE_MS = 5000;

interface ExportedStatus {
  readonly version: string;
  readonly checks: ReadinessChecks;
  readonly report: StatusReport;
  readonly outbox: (() => Promise<Outbox>) | undefined;
}

/** Exports what the status of the platform shows of this replica. What cannot be read now, or not in time, is left out. */
export function exportStatus(metrics: Metrics, { version, checks, report, outbox }: ExportedStatus): void {
  const readReport = cached(() => report.read());
  const readings = async (isLag: boolean) => {
    const entries = Object.entries(await readReport()).filter(([name]) => name.endsWith('Seconds') === isLag);
    return entries.flatMap(([name, value]): Reading[] => (value === null ? [] : [[value, name]]));
  };
  metrics.gauge(
    'agent_platform_queue_depth',
    'What waits or is under way, by the names of GET /v1/status; counted to 10 000. Numbers of shared tables are the same from each replica.',
    ['queue'],
    () => readings(false),
  );
  metrics.gauge(
    'agent_platform_lag_seconds',
    'How far behind something is, by the names of GET /v1/status.',
    ['lag'],
    () => readings(true),
  );
  if (outbox) {
    const readOutbox = cached(() => inTime(outbox));
    metrics.gauge(
      'agent_platform_outbox_rows',
      'Rows of the outbox that wait to be handed on; counted to 10 000.',
      [],
      async () => (await readOutbox())?.rows ?? [],
    );
    metrics.gauge(
      'agent_platform_outbox_oldest_age_seconds',
      'Age of the oldest row of the outbox; 0 where there is none.',
      [],
      async () => (await readOutbox())?.oldestSeconds ?? [],
    );
  }
  const readReadiness = cached(() => readChecks(checks));
  metrics.gauge('agent_platform_ready', 'Whether the replica takes requests, as /readyz says.', [], async () =>
    (await readReadiness()).ready ? 1 : 0,
  );
  metrics.gauge(
    'agent_platform_build_info',
    'Always 1: the version and commit that run.',
    ['version', 'commit'],
    () => [[1, version, buildCommit ?? 'none']],
  );
}

/** One reading for all who ask within its age, and for all who ask while it is under way. */
function cached<T>(read: () => Promise<T>): () => Promise<T> {
  let last: Promise<T> | undefined;
  let readAt = -Infinity;
  return () => {
    if (last && performance.now() - readAt < MAX_AGE_MS) return last;
    readAt = performance.now();
    return (last = read());
  };
}
