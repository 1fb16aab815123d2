import type {
  Command,
  CommandAgentRequest,
  CommandError,
  Json,
  JsonObject,
  RespondRequest,
} from '@agent-platform/contracts';
import { DEFAULT_LEASE_SECONDS } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { AppError, type ErrorCode, type FieldError } from '@agent-platform/errors';
import { accepted, ok, UnitOfWork, type Call, type Reply } from '@agent-platform/messaging';
import { Injectable } from '@nestjs/common';
import { RunWakeUps } from '../engine/run-wake-ups';
import { COMMAND_COLUMNS } from './command-columns';
import { endedEvent, sentEvent } from './command-events';
import { CommandInbox } from './command-inbox';
import { CommandIssuer, type IssuedCommand } from './command-issuer';
import { auditOf, insertCommand, rouseRunsOf } from './command-store';
import { CommandWakeUps } from './command-wake-ups';

const MAX_RESULT_BYTES = 1024 * 1024 - 64 * 1024;
const MAX_CODE_LENGTH = 128;
const MAX_DETAIL_LENGTH = 2000;

/** How a command ends, or goes on, by an answer. */
interface Response {
  readonly status: RespondRequest['status'];
  readonly result: Json;
  readonly error: CommandError | null;
  readonly leaseSeconds: number;
}

/** Why a command takes no answer any more. */
const REFUSALS: Partial<Record<Command['status'], { readonly code: ErrorCode; readonly why: string }>> = {
  completed: { code: 'command.answered', why: 'was answered already' },
  failed: { code: 'command.answered', why: 'was answered already' },
  expired: { code: 'command.expired', why: 'has expired' },
  cancelled: { code: 'command.cancelled', why: 'was cancelled' },
};

/** Commands as agents send and answer them. */
@Injectable()
export class CommandsService {
  constructor(
    private readonly work: UnitOfWork,
    private readonly issuer: CommandIssuer,
    private readonly inbox: CommandInbox,
    private readonly wakeUps: CommandWakeUps,
    private readonly runWakeUps: RunWakeUps,
  ) {}

  /** @throws AppError `agent.not-found`, `command.agent.own`, `command.agent.not-active`, `request.invalid` */
  async send(
    call: Call,
    { id: to, command, payload = {}, timeoutSeconds, wait = 0 }: CommandAgentRequest,
  ): Promise<Reply> {
    let issued: IssuedCommand;
    try {
      issued = await this.issuer.issue({ fromAgentId: call.agent.id, to, command, payload, timeoutSeconds });
    } catch (error) {
      // A refusal is kept under its idempotency key as any other answer.
      if (call.idempotencyKey === undefined || !(error instanceof AppError) || error.status >= 500) throw error;
      return this.work.write(call, () => Promise.reject(error));
    }
    const reply = await this.work.write(call, async (tx) => {
      const stored = await insertCommand(tx, call.agent.id, issued, undefined);
      if (!stored) throw new Error('a command of no step has met another');
      tx.emit(sentEvent(stored));
      tx.audit({ targetType: 'command', targetId: stored.id, after: auditOf(stored) });
      return accepted(stored);
    });
    this.wakeUps.waiting([issued.toAgentId]);
    // That of the first request, where this one repeats it; it may have been refused.
    if (wait === 0 || reply.status >= 400) return reply;
    const { data } = JSON.parse(reply.body) as { data: Command };
    const ended = await this.inbox.waitForEnd(call.rows, data.id, wait);
    return ended.endedAt === null ? accepted(ended) : ok(ended);
  }

  /** @throws AppError `command.not-found`, `command.answered`, `command.expired`, `command.cancelled`, `request.invalid` */
  async respond(call: Call, request: RespondRequest): Promise<Reply> {
    const response = read(request);
    let runs: string[] = [];
    const reply = await this.work.write(call, async (tx) => {
      const before = await lock(tx, call.agent.id, request);
      const after = await change(tx, before.id, response);
      const { status, leasedUntil } = after;
      tx.audit({
        targetType: 'command',
        targetId: after.id,
        before: { status: before.status, leasedUntil: before.leasedUntil },
        after: { status, leasedUntil },
      });
      if (after.endedAt !== null) {
        tx.emit({ ...endedEvent(after), agentId: after.fromAgentId });
        if (after.runId !== null) runs = await rouseRunsOf(tx, [after.id]);
      }
      return ok(after);
    });
    if (response.status !== 'working') this.wakeUps.ended([request.id]);
    if (runs.length > 0) this.runWakeUps.poked(runs);
    return reply;
  }
}

/** @throws AppError `request.invalid` with every failing path */
function read({ status, result, error, leaseSeconds }: RespondRequest): Response {
  const errors: FieldError[] = [];
  const only = (path: string, value: unknown, owner: string) => {
    if (value !== undefined && status !== owner) errors.push({ path, message: `has a meaning with ${owner} alone` });
  };
  only('result', result, 'completed');
  only('error', error, 'failed');
  only('leaseSeconds', leaseSeconds, 'working');
  const shown = status === 'failed' ? readError(error, errors) : null;
  if (result !== undefined && Buffer.byteLength(JSON.stringify(result)) > MAX_RESULT_BYTES) {
    errors.push({ path: 'result', message: `may have ${MAX_RESULT_BYTES} bytes` });
  }
  if (errors.length > 0) throw new AppError('request.invalid', 'The answer to the command is not valid.', { errors });
  return { status, result: result ?? null, error: shown, leaseSeconds: leaseSeconds ?? DEFAULT_LEASE_SECONDS };
}

function readError(error: JsonObject | undefined, errors: FieldError[]): CommandError {
  const { code, detail = '', ...others } = error ?? {};
  if (typeof code !== 'string' || code === '' || code.length > MAX_CODE_LENGTH) {
    errors.push({
      path: 'error.code',
      message: `must be text of 1 to ${MAX_CODE_LENGTH} characters, such as lead.unknown`,
    });
  }
  if (typeof detail !== 'string' || detail.length > MAX_DETAIL_LENGTH) {
    errors.push({ path: 'error.detail', message: `must be text of up to ${MAX_DETAIL_LENGTH} characters` });
  }
  for (const name of Object.keys(others)) errors.push({ path: `error.${name}`, message: 'is not a known field' });
  return { code: code as string, detail: detail as string };
}

/** The command that may be answered, locked. @throws AppError */
async function lock(tx: Tx, agentId: string, { id, status }: RespondRequest): Promise<Command> {
  const { rows } = await tx.query<Command & { isOver: boolean }>({
    name: 'lock-command',
    text: `SELECT ${COMMAND_COLUMNS}, c.expires_at <= now() AS "isOver" FROM workflow.agent_commands c WHERE c.id = $1 FOR UPDATE`,
    values: [id],
  });
  const [command] = rows;
  // Who sent it cancels it, who got it answers it; with system_admin others' can be seen, and not answered.
  const owner = status === 'cancelled' ? command?.fromAgentId : command?.toAgentId;
  if (!command || owner !== agentId) {
    const which = status === 'cancelled' ? 'that you have sent' : 'for you';
    throw new AppError('command.not-found', `There is no command ${id} ${which}.`);
  }
  const refusal = command.isOver && command.endedAt === null ? REFUSALS.expired : REFUSALS[command.status];
  if (refusal) throw new AppError(refusal.code, `The command ${id} ${refusal.why}.`);
  return command;
}

async function change(tx: Tx, id: string, { status, result, error, leaseSeconds }: Response): Promise<Command> {
  const isWorking = status === 'working';
  const { rows } = await tx.query<Command>({
    name: isWorking ? 'keep-command' : 'end-command',
    text: isWorking
      ? `UPDATE workflow.agent_commands c SET status = 'leased', available_at = now() + make_interval(secs => $2) WHERE c.id = $1
         RETURNING ${COMMAND_COLUMNS}`
      : `UPDATE workflow.agent_commands c SET status = $2, result = $3, error = $4, ended_at = now() WHERE c.id = $1
         RETURNING ${COMMAND_COLUMNS}`,
    values: isWorking
      ? [id, leaseSeconds]
      : [id, status, status === 'completed' ? JSON.stringify(result) : null, error && JSON.stringify(error)],
  });
  return rows[0] as Command;
}
