import type { AuditEntry, CloudEvent, Json, JsonObject } from '@agent-platform/contracts';
import { inTransaction, type Tx } from '@agent-platform/database';
import { AppError, toProblem } from '@agent-platform/errors';
import { uuidV7 } from '@agent-platform/shared-security';
import type { Pool, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import type { Call } from './action-call';
import { traceIdOf } from './call';
import type { Reply } from './reply';

/** What a change was made to, for its audit row. */
export interface ChangedThing {
  readonly targetType: string;
  readonly targetId: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** An event to emit with the change. */
export interface NewEvent {
  /** Where it is answered before the event is written; default a new one. */
  readonly id?: string;
  readonly type: string;
  readonly subject?: string;
  readonly data: JsonObject;
  /** Whose it is: who may see it. Default who causes it. */
  readonly agentId?: string;
}

/** The transaction of one writing action. */
export class WriteTx implements Tx {
  readonly events: NewEvent[] = [];
  readonly sent: Promise<unknown>[] = [];
  changed: ChangedThing | undefined;

  constructor(private readonly tx: Tx) {}

  query<Row extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<Row>> {
    return this.tx.query<Row>(query);
  }

  /**
   * A statement that is not waited for: it travels with the next one, and the transaction fails where it does.
   *
   * @param check is given the result, and throws where the transaction must not be committed
   */
  send(query: QueryConfig, check?: (result: QueryResult) => void): void {
    const sent = this.tx.query(query).then(check);
    // Awaited with what follows it; until then it must only not go unhandled.
    sent.catch(() => undefined);
    this.sent.push(sent);
  }

  /** Names what was changed; goes into the one audit row of the action. */
  audit(changed: ChangedThing): void {
    this.changed = changed;
  }

  /** Emits an event if, and only if, the transaction commits. */
  emit(event: NewEvent): void {
    this.events.push(event);
  }
}

/** Encrypts answers that hold a secret while they are kept for a repetition. */
export interface AnswerSealer {
  /** @param identity the answer opens for this identity alone */
  seal(body: string, identity: string): string;
  open(sealed: string, identity: string): string;
}

/** What became of an idempotency key that a request came with. */
export interface KeyClaim {
  readonly outcome: 'new' | 'replay' | 'reused' | 'running';
  readonly status: number;
  readonly body: string;
}

/**
 * The first answer, where the request under this key is a repetition; undefined for a new one.
 *
 * @throws AppError `request.idempotency-key.reused`, `request.idempotency-key.in-progress`
 */
export function firstAnswer(claim: KeyClaim | undefined): Reply | undefined {
  if (claim?.outcome === 'replay') return { status: claim.status, body: claim.body };
  if (claim?.outcome === 'reused') {
    throw new AppError(
      'request.idempotency-key.reused',
      'This Idempotency-Key was used with other params. Use a new key for a new request.',
    );
  }
  if (claim?.outcome === 'new') return undefined;
  throw new AppError(
    'request.idempotency-key.in-progress',
    'The first request with this Idempotency-Key is still running. Try again shortly.',
    { retryAfterMs: 1000 },
  );
}

/** The first answer is kept in place of the effect's own, so that both come from one commit. */
interface Outcome {
  readonly reply: Reply;
  readonly failure?: AppError;
}

/**
 * Runs writing actions: the change, its idempotency record, its events and its audit row in one transaction.
 */
export class UnitOfWork {
  constructor(
    private readonly pool: Pool,
    private readonly schema: string,
    /** Told after each commit that the outbox has something to hand on. */
    private readonly wakeRelay: () => void,
    /** Of a service with actions that answer secrets. */
    private readonly sealer?: AnswerSealer,
  ) {}

  /**
   * Under an idempotency key the same request gets the first answer again, and `work` is not called; an answer of 5xx is
   * not kept. A refusal of `work` (AppError below 500) undoes what it did, and is kept.
   *
   * @throws AppError `request.idempotency-key.reused`, `request.idempotency-key.in-progress`, and what `work` throws
   */
  async write(call: Call, work: (tx: WriteTx) => Promise<Reply>): Promise<Reply> {
    const { reply, failure } = await inTransaction(this.pool, call.rows, (tx) =>
      call.idempotencyKey === undefined
        ? this.perform(tx, call, work)
        : this.performOnce(tx, call, call.idempotencyKey, work),
    );
    this.wakeRelay();
    if (failure) throw failure;
    return reply;
  }

  private async performOnce(tx: Tx, call: Call, key: string, work: (tx: WriteTx) => Promise<Reply>): Promise<Outcome> {
    const identity = [call.agent.id, call.action.name, key, call.paramsHash()];
    const { rows } = await tx.query<KeyClaim & QueryResultRow>({
      name: 'claim-idempotency-key',
      text: `SELECT outcome, status, body FROM ${this.schema}.claim_idempotency_key($1, $2, $3, $4)`,
      values: identity,
    });
    const kept = this.keptForm(call, key);
    const first = firstAnswer(rows[0]);
    if (first) return { reply: { ...first, body: kept.open(first.body) } };
    await tx.query({ text: 'SAVEPOINT before_work' });
    let outcome: Outcome;
    try {
      outcome = await this.perform(tx, call, work);
    } catch (error) {
      if (!(error instanceof AppError) || error.status >= 500) throw error;
      await tx.query({ text: 'ROLLBACK TO SAVEPOINT before_work' });
      outcome = {
        reply: { status: error.status, body: JSON.stringify(toProblem(error, call.requestId)) },
        failure: error,
      };
    }
    await tx.query({
      name: 'keep-first-answer',
      text: `INSERT INTO ${this.schema}.idempotency_records (agent_id, action, key, params_hash, status, body)
             VALUES ($1, $2, $3, $4, $5, $6)`,
      values: [...identity, outcome.reply.status, kept.seal(outcome.reply.body)],
    });
    return outcome;
  }

  /** How a first answer is kept: as it is, or encrypted where it holds a secret. */
  private keptForm({ action, agent }: Call, key: string) {
    if (!action.answersSecret) return { seal: (body: string) => body, open: (body: string) => body };
    const { sealer } = this;
    if (!sealer) throw new Error(`${action.name} answers a secret, and its service has no sealer`);
    const identity = JSON.stringify(['answer', agent.id, action.name, key]);
    return {
      seal: (body: string) => sealer.seal(body, identity),
      open: (sealed: string) => sealer.open(sealed, identity),
    };
  }

  private async perform(tx: Tx, call: Call, work: (tx: WriteTx) => Promise<Reply>): Promise<Outcome> {
    const write = new WriteTx(tx);
    const reply = await work(write);
    const entry = auditEntryOf(call, write.changed);
    const events = write.events.map((event) => toCloudEvent(event, call.agent.id, call.traceparent, call.depth));
    const handedOn = insertOutbox(tx, this.schema, call.agent.id, [
      ...events.map((event) => ({ kind: 'event' as const, message: event })),
      { kind: 'audit', message: entry },
    ]);
    // The first failure is the cause; those behind it only say that the transaction is aborted.
    handedOn.catch(() => undefined);
    await Promise.all(write.sent);
    await handedOn;
    return { reply };
  }
}

/** The audit row of a change that an agent made through an action. */
export function auditEntryOf(call: Call, changed: ChangedThing | undefined): AuditEntry {
  return {
    id: uuidV7(),
    at: new Date().toISOString(),
    agentId: call.agent.id,
    action: call.action.name,
    targetType: changed?.targetType ?? null,
    targetId: changed?.targetId ?? null,
    decision: 'allowed',
    reason: null,
    before: changed?.before ?? null,
    after: changed?.after ?? null,
    ip: call.client.ip,
    userAgent: call.client.userAgent,
    requestId: call.requestId,
    traceId: traceIdOf(call.traceparent),
  };
}

/** An event in the envelope that every reader gets (CloudEvents 1.0, SPEC section 8). */
export function toCloudEvent(event: NewEvent, agentId: string, traceparent: string, depth = 0): CloudEvent {
  return {
    specversion: '1.0',
    id: event.id ?? uuidV7(),
    source: `/agents/${agentId}`,
    type: event.type,
    time: new Date().toISOString(),
    ...(event.subject !== undefined && { subject: event.subject }),
    datacontenttype: 'application/json',
    data: event.data,
    agentid: event.agentId ?? agentId,
    traceparent,
    ...(depth > 0 && { depth }),
  };
}

/** A row for the outbox: an event in its envelope, or an audit entry. */
export type OutboxMessage =
  { readonly kind: 'event'; readonly message: CloudEvent } | { readonly kind: 'audit'; readonly message: AuditEntry };

/** Writes messages to a service's outbox, in this order, in one statement of the given transaction. */
export async function insertOutbox(
  tx: Tx,
  schema: string,
  agentId: string,
  messages: readonly OutboxMessage[],
): Promise<void> {
  await tx.query({
    name: 'insert-outbox',
    text: `INSERT INTO ${schema}.outbox (agent_id, kind, message_id, payload)
           SELECT $1, kind, message_id, payload
           FROM unnest($2::text[], $3::uuid[], $4::text[]) WITH ORDINALITY AS m (kind, message_id, payload, position)
           ORDER BY position`,
    values: [
      agentId,
      messages.map(({ kind }) => kind),
      messages.map(({ message }) => message.id),
      messages.map(({ message }) => JSON.stringify(message)),
    ],
  });
}
