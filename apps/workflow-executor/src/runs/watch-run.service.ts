import type { JsonObject, Run, RunStep, WatchRunReply, WatchRunRequest } from '@agent-platform/contracts';
import { readAs, ReadPipeline, type RowContext } from '@agent-platform/database';
import { AGENT_POOL } from '@agent-platform/service-host';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { Engine } from '../engine/engine';
import { DefinitionStore } from '../workflows/definition-store';
import { CHANGED_STEPS, RUN_COLUMNS, shownStep, unreachedSteps, withSteps, type RecordedStep } from './run-columns';

/** Of a run that another replica has; one that is here wakes who watches it. */
const POLL_MS = 200;
const MAX_WAIT_MS = 20_000;

/** What a version says: the last record that was seen, how the run looked, and which transactions had been committed. */
interface Seen {
  readonly record: string;
  readonly digest: string;
  readonly snapshot: string;
}

const NO_VERSION: WatchRunReply = {
  run: null,
  steps: [],
  version: '',
  changed: false,
  refused: { code: 'request.invalid', detail: 'Last-Event-ID must be the id of a message of the stream of this run.' },
};

interface WatchedRow extends Run {
  readonly record: string;
  readonly snapshot: string;
  readonly changedSteps: readonly RecordedStep[];
  /** Of a run that was not seen before, or has ended. */
  readonly definition: JsonObject | null;
  readonly reached: readonly string[] | null;
}

/**
 * Follows runs for those who watch them, on whichever replica they ask. What they have seen is in the version that they name: the
 * database itself tells which steps were written since, so that nothing is kept here, and nothing costs the run anything.
 */
@Injectable()
export class WatchRunService implements OnModuleDestroy {
  private stopping = false;

  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly reads: ReadPipeline,
    private readonly engine: Engine,
    private readonly definitions: DefinitionStore,
  ) {}

  onModuleDestroy(): void {
    this.stopping = true;
  }

  async watch({ agent, runId, after, waitMs }: WatchRunRequest): Promise<WatchRunReply> {
    const rows: RowContext = { agentId: agent.id, seesAll: agent.seesAll };
    const deadline = Date.now() + Math.min(waitMs, MAX_WAIT_MS);
    let seen = readVersion(after);
    if (after !== null && !seen) return NO_VERSION;
    for (;;) {
      if (seen) await this.waitForRecord(rows, runId, seen.record, deadline);
      const reply = await this.look(rows, runId, seen);
      // A record need not change what is seen of a run: another executor has taken it up.
      if (reply.changed || this.stopping || Date.now() >= deadline) return reply;
      seen = readVersion(reply.version);
    }
  }

  private async waitForRecord(rows: RowContext, runId: string, record: string, deadline: number): Promise<void> {
    while (!this.stopping) {
      const left = deadline - Date.now();
      // Before the look, so that what is recorded during it wakes.
      const recorded = this.engine.nextRecord(runId, Math.min(POLL_MS, Math.max(left, 0)));
      try {
        const [found] = await this.reads.query<{ record: string | null }>({
          name: 'last-record',
          text: 'SELECT workflow.last_record($1, $2, $3) AS record',
          values: [rows.agentId, rows.seesAll ? 'admin' : '', runId],
        });
        if (left <= 0 || found?.record !== record) return;
        await recorded.promise;
      } finally {
        recorded.cancel();
      }
    }
  }

  private async look(rows: RowContext, runId: string, seen: Seen | undefined): Promise<WatchRunReply> {
    const [found] = await readAs<WatchedRow>(this.pool, rows, {
      name: 'watch-run',
      text: `SELECT ${RUN_COLUMNS}, r.lease_epoch || '.' || r.record_seq AS record, pg_current_snapshot()::text AS snapshot,
               ${CHANGED_STEPS} AS "changedSteps",
               CASE WHEN $2::text IS NULL OR r.ended_at IS NOT NULL THEN v.definition END AS definition,
               CASE WHEN r.ended_at IS NOT NULL THEN ARRAY(
                 SELECT s.path FROM workflow.workflow_run_steps s WHERE s.run_id = r.id AND s.path = s.step_id) END AS reached
             FROM workflow.workflow_runs r
             JOIN workflow.workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.workflow_version
             WHERE r.id = $1`,
      values: [runId, seen?.snapshot ?? null],
    });
    if (!found) return { run: null, steps: [], version: '', changed: true };
    const { record, snapshot, changedSteps, definition, reached, ...run } = found;
    const digest = createHash('sha256').update(JSON.stringify(run)).digest('base64url').slice(0, 11);
    const changed = digest !== seen?.digest || changedSteps.length > 0;
    const compiled = definition && this.definitions.get(run.workflowId, run.workflowVersion, definition);
    let steps: readonly RunStep[] = changedSteps.map(shownStep);
    if (!seen && compiled) steps = withSteps(run, changedSteps, compiled).steps;
    else if (changed && compiled && reached) steps = [...steps, ...unreachedSteps(run, new Set(reached), compiled)];
    return { run, steps, version: [record, digest, snapshot].join('~'), changed };
  }
}

/** Undefined for what is no version of ours. */
function readVersion(version: string | null): Seen | undefined {
  const [, record, digest, snapshot] = /^(\d+\.\d+)~([\w-]{11})~(\d{1,18}:\d{1,18}:[\d,]*)$/.exec(version ?? '') ?? [];
  if (record === undefined || digest === undefined || snapshot === undefined || !isSnapshot(snapshot)) return undefined;
  return { record, digest, snapshot };
}

/** As Postgres reads it: transactions under way between two bounds, in their order. */
function isSnapshot(text: string): boolean {
  const [first, next, open = ''] = text.split(':');
  const bounds = [BigInt(first ?? 0), BigInt(next ?? 0)] as const;
  const list = open === '' ? [] : open.split(',');
  if (list.includes('') || bounds[0] < 1n || bounds[0] > bounds[1]) return false;
  const ids = list.map((id) => BigInt(id));
  return ids.every((id, at) => id >= bounds[0] && id < bounds[1] && (at === 0 || id > (ids[at - 1] ?? 0n)));
}
