import {
  HEALTH_WINDOWS,
  type HealthWindow,
  type HealthWindowName,
  type IntegrationHealth,
} from '@agent-platform/contracts';
import { inTransaction, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { AGENT_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { IntegrationSync } from '../watched/integration-sync';
import { percentile } from './latency';
import { healthQuery, windowsQuery, type HealthRow, type WindowRow } from './read-health.sql';

/** Tells agents how integrations have been doing. */
@Injectable()
export class HealthService {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly sync: IntegrationSync,
  ) {}

  /** @throws AppError `integration.not-found`, `integration.name.ambiguous` */
  async get(rows: RowContext, reference: string): Promise<IntegrationHealth> {
    const known = await this.find(rows, reference);
    if (known) return known;
    // It may have been made or granted a moment ago.
    await this.sync.lookFor(rows.agentId, reference);
    const found = await this.find(rows, reference);
    if (!found) throw new AppError('integration.not-found', `There is no integration ${reference}.`);
    return found;
  }

  private find(context: RowContext, reference: string): Promise<IntegrationHealth | undefined> {
    return inTransaction(this.pool, context, async (tx) => {
      const { rows } = await tx.query<HealthRow>(healthQuery(context.agentId, reference));
      const [row, second] = rows;
      if (!row) return undefined;
      if (second && !row.isOwn) {
        const detail = `You were granted several integrations named ${reference}. Use the id.`;
        throw new AppError('integration.name.ambiguous', detail);
      }
      const windows = await tx.query<WindowRow>(windowsQuery(row.id));
      return shown(row, windows.rows);
    });
  }
}

function shown(row: HealthRow, windows: readonly WindowRow[]): IntegrationHealth {
  const entries = HEALTH_WINDOWS.map(
    (name) => [name, windowOf(windows.find((window) => window.name === name))] as const,
  );
  const { state, since, reason, checkedAt, nextCheckAt, consecutiveFailures, recent, changes, token } = row;
  const standing = { state, since, reason, checkedAt, nextCheckAt, consecutiveFailures };
  return {
    ...standing,
    recent,
    changes,
    token,
    windows: Object.fromEntries(entries) as Record<HealthWindowName, HealthWindow>,
  };
}

function windowOf(row: WindowRow | undefined): HealthWindow {
  const { checks = 0, failures = 0, latency, calls = 0, callFailures = 0 } = row ?? {};
  const at = (share: number) => percentile(latency ?? [], share);
  const [p50, p95, p99] = [at(0.5), at(0.95), at(0.99)];
  return {
    checks,
    uptime: checks === 0 ? null : share(checks - failures, checks),
    latencyMs: p50 === null || p95 === null || p99 === null ? null : { p50, p95, p99 },
    calls,
    errorRate: calls === 0 ? null : share(callFailures, calls),
  };
}

/** To four places. */
function share(part: number, whole: number): number {
  return Math.round((part / whole) * 10_000) / 10_000;
}
