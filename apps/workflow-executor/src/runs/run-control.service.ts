import type { CancelRunRequest, JsonObject, Run, SignalRunRequest } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { accepted, UnitOfWork, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import { uuidV7 } from '@agent-platform/shared-security';
import { Injectable } from '@nestjs/common';
import { RunWakeUps } from '../engine/run-wake-ups';
import { RUN_COLUMNS } from './run-columns';

/** Signals of one run that no step has taken yet. */
const MAX_WAITING_SIGNALS = 100;
const MAX_PAYLOAD_BYTES = 256 * 1024;
const MAX_REASON_LENGTH = 500;

/** What is done to runs under way from outside. Each leaves a row that the run's executor looks at, wherever it is. */
@Injectable()
export class RunControlService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly wakeUps: RunWakeUps,
  ) {}

  /** Asks for the cancellation; the executor tells what is under way to stop, and ends the run. */
  cancel(call: Call, { id, reason }: CancelRunRequest): Promise<Reply> {
    return this.change(call, id, async (tx) => {
      const request = { by: call.agent.id, reason: reason ?? null };
      await tx.query({
        name: 'request-cancellation',
        text: 'UPDATE workflow.workflow_runs SET cancel_request = coalesce(cancel_request, $2) WHERE id = $1',
        values: [id, JSON.stringify(request)],
      });
      tx.audit({ targetType: 'run', targetId: id, after: { cancelled: true, reason: reason ?? null } });
    });
  }

  /** Stores a signal for the step that waits for it, now or later; `approve` and `deny` answer an approval that waits. */
  signal(call: Call, { id, name, payload = {} }: SignalRunRequest): Promise<Reply> {
    return this.change(call, id, async (tx, run) => {
      const answers = name === 'approve' || name === 'deny';
      const stored = answers ? await answerOf(tx, run, call, payload) : withinBytes(payload);
      const { rows } = await tx.query<{ waiting: number }>({
        name: 'insert-signal',
        text: `INSERT INTO workflow.run_signals (id, run_id, agent_id, name, payload, sent_by) VALUES ($1, $2, $3, $4, $5, $6)
               RETURNING (SELECT count(*) FROM workflow.run_signals WHERE run_id = $2 AND consumed_by IS NULL
                            AND name NOT LIKE 'event:%') AS waiting`,
        values: [uuidV7(), id, run.agentId, name, JSON.stringify(stored), call.agent.id],
      });
      if ((rows[0]?.waiting ?? 0) >= MAX_WAITING_SIGNALS) {
        throw new AppError(
          'run.signals.too-many',
          `${MAX_WAITING_SIGNALS} signals of the run wait already, and no step has taken them.`,
        );
      }
      tx.audit({ targetType: 'run', targetId: id, after: { signal: name, ...(answers && stored) } });
    });
  }

  private async change(call: Call, id: string, change: (tx: WriteTx, run: Run) => Promise<void>): Promise<Reply> {
    const reply = await this.work.write(call, async (tx) => {
      const { rows } = await tx.query<Run>({
        name: 'lock-run',
        text: `SELECT ${RUN_COLUMNS} FROM workflow.workflow_runs r WHERE r.id = $1 FOR UPDATE`,
        values: [id],
      });
      const [run] = rows;
      if (!run) throw new AppError('run.not-found', `There is no run ${id}.`);
      if (run.endedAt !== null) throw new AppError('run.ended', `The run ${id} has ended as ${run.status}.`);
      await change(tx, run);
      await tx.query({ name: 'poke-run', text: 'SELECT workflow.poke_runs(ARRAY[$1::uuid])', values: [id] });
      return accepted(run);
    });
    this.wakeUps.poked([id]);
    this.wakeUps.ready();
    return reply;
  }
}

/** What is stored of an answer to an approval: which step it is for, and why. */
async function answerOf(tx: Tx, run: Run, call: Call, payload: JsonObject): Promise<JsonObject> {
  if (run.agentId === call.agent.id) {
    throw new AppError(
      'run.approval.own',
      'Another agent than the one that the run belongs to must answer its approvals.',
    );
  }
  const { stepId, reason = null, ...unknown } = payload;
  const errors = [
    ...(typeof stepId === 'string'
      ? []
      : [{ path: 'payload.stepId', message: 'must be the id or path of the approval' }]),
    ...(reason === null || (typeof reason === 'string' && reason.length <= MAX_REASON_LENGTH)
      ? []
      : [{ path: 'payload.reason', message: `must be text of up to ${MAX_REASON_LENGTH} characters` }]),
    ...Object.keys(unknown).map((field) => ({ path: `payload.${field}`, message: 'is not a known field' })),
  ];
  if (errors.length > 0 || typeof stepId !== 'string')
    throw new AppError('request.invalid', 'The answer to the approval is not valid.', { errors });
  const { rows } = await tx.query<{ path: string; answered: boolean }>({
    name: 'waiting-approvals',
    text: `SELECT s.path, EXISTS (SELECT FROM workflow.run_signals a WHERE a.run_id = s.run_id AND a.consumed_by IS NULL
             AND a.name IN ('approve', 'deny') AND a.payload ->> 'stepId' = s.path) AS answered
           FROM workflow.workflow_run_steps s
           WHERE s.run_id = $1 AND s.type = 'approval' AND s.status = 'waiting' AND (s.path = $2 OR s.step_id = $2)`,
    values: [run.id, stepId],
  });
  const open = rows.filter(({ answered }) => !answered);
  const [approval] = open.filter(({ path }) => open.length === 1 || path === stepId);
  if (approval) return { stepId: approval.path, reason };
  const why =
    open.length > 1
      ? `Several approvals have the id ${stepId}. Name one by its path: ${open.map(({ path }) => path).join(', ')}.`
      : rows.length > 0
        ? `The approval ${stepId} was answered already.`
        : `No approval ${stepId} of the run waits for an answer.`;
  throw new AppError('run.approval.not-waiting', why);
}

function withinBytes(payload: JsonObject): JsonObject {
  if (Buffer.byteLength(JSON.stringify(payload)) <= MAX_PAYLOAD_BYTES) return payload;
  throw new AppError('request.invalid', `The payload has more than ${MAX_PAYLOAD_BYTES} bytes.`, {
    errors: [{ path: 'payload', message: `may have ${MAX_PAYLOAD_BYTES} bytes` }],
  });
}
