import type {
  CreateWorkflowRequest,
  DeleteWorkflowRequest,
  JsonObject,
  ListWorkflowsRequest,
  UpdateWorkflowRequest,
  Workflow,
  WorkflowSummary,
} from '@agent-platform/contracts';
import { readAs, ReadPipeline, rfc3339, type RowContext, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { created, idOfCursor, noContent, ok, UnitOfWork, type Call, type Reply } from '@agent-platform/messaging';
import { AGENT_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool, QueryConfig } from 'pg';
import { withFireTimes } from '../schedules/fire-times';
import { compileDefinition } from './compile-definition';
import type { Trigger } from './compile-triggers';

const SUMMARY = `w.id, w.agent_id AS "agentId", w.name, w.description, w.metadata,
  ${rfc3339('w.created_at')} AS "createdAt", ${rfc3339('w.updated_at')} AS "updatedAt"`;
const GET = `SELECT * FROM workflow.get_workflow($1, $2, $3, $4)`;

@Injectable()
export class WorkflowsService {
  constructor(
    @Inject(AGENT_POOL) private readonly pool: Pool,
    private readonly reads: ReadPipeline,
    private readonly work: UnitOfWork,
  ) {}

  /** Newest first; ids are ordered by time. */
  list(rows: RowContext, { search, cursor, limit }: ListWorkflowsRequest): Promise<WorkflowSummary[]> {
    return readAs<WorkflowSummary>(this.pool, rows, {
      name: 'list-workflows',
      text: `SELECT ${SUMMARY}, w.version FROM workflow.workflows w
             WHERE w.deleted_at IS NULL AND ($1::uuid IS NULL OR w.id < $1)
               AND ($2::text IS NULL OR w.search @@ websearch_to_tsquery('simple', $2))
             ORDER BY w.id DESC LIMIT $3`,
      values: [idOfCursor(cursor), search ?? null, limit],
    });
  }

  /** @throws AppError `workflow.not-found`, `workflow.version.not-found` */
  async get(rows: RowContext, id: string, version?: number): Promise<Workflow> {
    const workflow = await this.find((query) => this.reads.query<Workflow>(query), rows, id, version);
    if (workflow) return workflow;
    if (version === undefined) throw notFound(id);
    await this.get(rows, id);
    throw new AppError('workflow.version.not-found', `The workflow ${id} has no version ${version}.`);
  }

  async create(call: Call, { definition, name, description, metadata }: CreateWorkflowRequest): Promise<Reply> {
    const { triggers } = compileDefinition(definition);
    const chosen = name ?? (definition.name as string | undefined);
    if (chosen === undefined) {
      throw new AppError('request.invalid', 'The workflow needs a name, in the request or in its definition.', {
        errors: [{ path: 'name', message: 'is required, here or in the definition' }],
      });
    }
    return this.work.write(call, async (tx) => {
      const id = uuidV7();
      const text = description ?? (definition.description as string | undefined) ?? null;
      await nameTaken(
        chosen,
        tx.query({
          name: 'insert-workflow',
          text: 'INSERT INTO workflow.workflows (id, agent_id, name, description, metadata) VALUES ($1, $2, $3, $4, $5)',
          values: [id, call.agent.id, chosen, text, metadata ?? {}],
        }),
      );
      await insertVersion(tx, { id, version: 1, agentId: call.agent.id, definition });
      if (triggers.length > 0) await setTriggers(tx, { id, agentId: call.agent.id, triggers });
      tx.audit({ targetType: 'workflow', targetId: id, after: { name: chosen, version: 1 } });
      return created(await this.getIn(tx, call.rows, id));
    });
  }

  async update(call: Call, { id, definition, name, description, metadata }: UpdateWorkflowRequest): Promise<Reply> {
    const triggers = definition && compileDefinition(definition).triggers;
    return this.work.write(call, async (tx) => {
      await tx.query({ text: 'SELECT FROM workflow.workflows WHERE id = $1 FOR UPDATE', values: [id] });
      const before = await this.getIn(tx, call.rows, id);
      const changed = definition !== undefined && JSON.stringify(definition) !== JSON.stringify(before.definition);
      const current = await newestVersion(tx, id);
      const version = changed ? current + 1 : current;
      if (changed) await insertVersion(tx, { id, version, agentId: before.agentId, definition });
      if (changed && triggers) await setTriggers(tx, { id, agentId: before.agentId, triggers });
      await nameTaken(
        name ?? before.name,
        tx.query({
          text: `UPDATE workflow.workflows SET version = $2, name = coalesce($3, name),
                   description = coalesce($4, description), metadata = coalesce($5, metadata) WHERE id = $1`,
          values: [id, version, name ?? null, description ?? null, metadata ?? null],
        }),
      );
      const after = await this.getIn(tx, call.rows, id);
      tx.audit({ targetType: 'workflow', targetId: id, before: summaryOf(before), after: summaryOf(after) });
      return ok(after);
    });
  }

  delete(call: Call, { id }: DeleteWorkflowRequest): Promise<Reply> {
    return this.work.write(call, async (tx) => {
      const { rows } = await tx.query<{ name: string; agentId: string }>({
        text: `UPDATE workflow.workflows SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL
               RETURNING name, agent_id AS "agentId"`,
        values: [id],
      });
      if (!rows[0]) throw notFound(id);
      await setTriggers(tx, { id, agentId: rows[0].agentId, triggers: [] });
      tx.audit({ targetType: 'workflow', targetId: id, before: { name: rows[0].name } });
      return noContent();
    });
  }

  /** The newest version, within a transaction. @throws AppError `workflow.not-found` */
  async getIn(tx: Tx, rows: RowContext, id: string): Promise<Workflow> {
    const ask = async (query: QueryConfig) => (await tx.query<Workflow>(query)).rows;
    const workflow = await this.find(ask, rows, id);
    if (!workflow) throw notFound(id);
    return workflow;
  }

  private async find(
    ask: (query: QueryConfig) => Promise<Workflow[]>,
    { agentId, seesAll }: RowContext,
    id: string,
    version?: number,
  ): Promise<Workflow | undefined> {
    const values = [agentId, seesAll ? 'admin' : '', id, version ?? null];
    const [workflow] = await ask({ name: 'get-workflow', text: GET, values });
    return workflow && { ...workflow, schedule: withFireTimes(workflow.schedule, new Date()) };
  }
}

async function newestVersion(tx: Tx, id: string): Promise<number> {
  const { rows } = await tx.query<{ version: number }>({
    text: 'SELECT max(version) AS version FROM workflow.workflow_versions WHERE workflow_id = $1',
    values: [id],
  });
  return rows[0]?.version ?? 0;
}

async function insertVersion(
  tx: Tx,
  { id, version, agentId, definition }: { id: string; version: number; agentId: string; definition: JsonObject },
): Promise<void> {
  await tx.query({
    name: 'insert-workflow-version',
    text: 'INSERT INTO workflow.workflow_versions (workflow_id, version, agent_id, definition) VALUES ($1, $2, $3, $4)',
    values: [id, version, agentId, JSON.stringify(definition)],
  });
}

/** In the transaction that makes them true: whoever sees the version sees its triggers. */
async function setTriggers(
  tx: Tx,
  { id, agentId, triggers }: { id: string; agentId: string; triggers: readonly Trigger[] },
): Promise<void> {
  await tx.query({
    name: 'set-triggers',
    text: 'SELECT workflow.set_triggers($1, $2, $3, $4)',
    values: [id, agentId, triggers.map(({ event }) => event), triggers.map(({ filter }) => filter ?? null)],
  });
}

/** Tells a lost race for a name from any other failure. */
async function nameTaken(name: string, statement: Promise<unknown>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'workflows_agent_id_name_key') throw error;
    throw new AppError('workflow.name.taken', `You have a workflow named ${name} already. Choose another name.`);
  }
}

function summaryOf({ name, version, description }: Workflow): JsonObject {
  return { name, version, description };
}

function notFound(id: string): AppError {
  return new AppError('workflow.not-found', `There is no workflow ${id}.`);
}
