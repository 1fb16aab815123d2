import type {
  Agent,
  AgentIdentity,
  AgentWithKeys,
  ApiKeySummary,
  Capability,
  CreateAgentRequest,
  ListAgentsRequest,
  Me,
  SetSkillsRequest,
  UpdateAgentRequest,
} from '@agent-platform/contracts';
import { readAs, rfc3339, type RowContext, type Tx } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { created, idOfCursor, ok, type Call, type Reply, type WriteTx } from '@agent-platform/messaging';
import { AGENT_POOL, SERVICE_POOL } from '@agent-platform/service-host';
import { uuidV7 } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { AGENT_COLUMNS, agentNotFound, IDENTITY_COLUMNS, lockAgent } from './agent-columns';
import { AgentChanges } from './agent-changes';
import { isAdmin, refuseToExceed } from './authority';

const DEFAULT_RATE_LIMIT_RPM = 60;
/** SPEC section 3. */
const KEY_LIFETIME = '365 days';
/** Agents are listed 200 at a time in one answer. */
const MAX_METADATA_BYTES = 8 * 1024;

@Injectable()
export class AgentsService {
  constructor(
    @Inject(AGENT_POOL) private readonly agentPool: Pool,
    @Inject(SERVICE_POOL) private readonly servicePool: Pool,
    private readonly changes: AgentChanges,
  ) {}

  /** The calling agent. */
  async me({ agentId }: RowContext): Promise<Me> {
    const [agent] = await readAs<Me>(
      this.agentPool,
      { agentId, seesAll: false },
      {
        name: 'get-me',
        text: `SELECT ${AGENT_COLUMNS}, auth.remaining_requests(a.id) AS remaining FROM auth.agents a WHERE a.id = $1`,
        values: [agentId],
      },
    );
    if (!agent) throw agentNotFound(agentId);
    return agent;
  }

  /** With its live keys. @throws AppError `agent.not-found` where the agent is not one that the caller may see */
  async get(rows: RowContext, id: string): Promise<AgentWithKeys> {
    const [agent] = await readAs<AgentWithKeys>(this.agentPool, rows, {
      name: 'get-agent',
      text: `SELECT ${AGENT_COLUMNS}, coalesce(k.keys, '[]') AS keys FROM auth.agents a
             LEFT JOIN LATERAL (
               SELECT json_agg(json_build_object('id', k.id, 'prefix', k.prefix, 'createdAt', ${rfc3339('k.created_at')},
                 'expiresAt', ${rfc3339('k.expires_at')}, 'lastUsedAt', ${rfc3339('k.last_used_at')}) ORDER BY k.id) AS keys
               FROM auth.api_keys k WHERE k.agent_id = a.id AND k.revoked_at IS NULL AND k.expires_at > now()
             ) AS k ON true
             WHERE a.id = $1`,
      values: [id],
    });
    if (!agent) throw agentNotFound(id);
    return { ...agent, keys: agent.keys satisfies readonly ApiKeySummary[] };
  }

  /** Newest first; ids are ordered by time. */
  list(rows: RowContext, { status, skill, search, cursor, limit }: ListAgentsRequest): Promise<Agent[]> {
    return readAs<Agent>(this.agentPool, rows, {
      name: 'list-agents',
      text: `SELECT ${AGENT_COLUMNS} FROM auth.agents a
             WHERE ($1::uuid IS NULL OR a.id < $1) AND ($2::text IS NULL OR a.status = $2)
               AND ($3::text IS NULL OR a.id IN (SELECT s.agent_id FROM auth.get_skill_agents($3) s))
               AND ($4::text IS NULL OR a.search @@ websearch_to_tsquery('simple', $4))
             ORDER BY a.id DESC LIMIT $5`,
      values: [idOfCursor(cursor), status ?? null, skill ?? null, search ?? null, limit],
    });
  }

  /** What others need to know of an agent to let it act; null where there is none. */
  async findIdentity(id: string): Promise<AgentIdentity | null> {
    const { rows } = await this.servicePool.query<AgentIdentity>({
      name: 'find-identity',
      text: `SELECT ${IDENTITY_COLUMNS} FROM auth.agents a WHERE a.id = $1`,
      values: [id],
    });
    return rows[0] ?? null;
  }

  /** @throws AppError `agent.name.taken`, `auth.capability.missing`, `agent.rate-limit.too-high` */
  create(call: Call, { name, type, description, rateLimitRpm, skills = [] }: CreateAgentRequest): Promise<Reply> {
    const id = uuidV7();
    return this.changes.write(call, id, async (tx) => {
      refuseToExceed(call.agent, skills);
      const highest = await highestLimit(tx, call);
      refuseHigherLimit(rateLimitRpm, highest);
      await nameTaken(
        name,
        tx.query({
          text: `INSERT INTO auth.agents (id, name, type, description, rate_limit_rpm, owner_id, status_set_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $6)`,
          values: [
            id,
            name,
            type,
            description ?? null,
            rateLimitRpm ?? Math.min(DEFAULT_RATE_LIMIT_RPM, highest),
            call.agent.id,
          ],
        }),
      );
      await grant(tx, call, id, skills);
      const { rows } = await tx.query<{ key: string }>({
        text: 'SELECT key FROM auth.issue_api_key($1, $2)',
        values: [id, KEY_LIFETIME],
      });
      const { agent } = await lockAgent(tx, id);
      tx.audit({ targetType: 'agent', targetId: id, after: auditedOf(agent) });
      tx.emit({ type: 'agent.created', subject: id, data: { agentId: id, name, type } });
      return created({ ...agent, key: rows[0]?.key });
    });
  }

  /**
   * @throws AppError `agent.not-found`, `agent.name.taken`, `agent.rate-limit.too-high`, `agent.status.not-yours`,
   *   `request.invalid`
   */
  update(call: Call, { id, ...wanted }: UpdateAgentRequest): Promise<Reply> {
    refuseLargeMetadata(wanted.metadata);
    return this.changes.write(call, id, async (tx) => {
      const { agent: before, statusSetBy } = await lockAgent(tx, id);
      if (wanted.rateLimitRpm !== undefined && wanted.rateLimitRpm > before.rateLimitRpm) {
        refuseHigherLimit(wanted.rateLimitRpm, await highestLimit(tx, call));
      }
      refuseForeignActivation(call, before, wanted.status, statusSetBy);
      await nameTaken(
        wanted.name ?? before.name,
        tx.query({
          text: `UPDATE auth.agents SET name = coalesce($2, name), status = coalesce($3, status),
                   rate_limit_rpm = coalesce($4, rate_limit_rpm), description = coalesce($5, description),
                   metadata = coalesce($6, metadata),
                   status_set_by = CASE WHEN $3 <> status THEN $7 ELSE status_set_by END
                 WHERE id = $1`,
          values: [
            id,
            wanted.name ?? null,
            wanted.status ?? null,
            wanted.rateLimitRpm ?? null,
            wanted.description ?? null,
            wanted.metadata ?? null,
            call.agent.id,
          ],
        }),
      );
      const { agent: after } = await lockAgent(tx, id);
      const fields = ['name', 'status', 'rateLimitRpm', 'description', 'metadata'] as const;
      const changed = fields.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
      const only = (agent: Agent) => Object.fromEntries(changed.map((field) => [field, agent[field]]));
      tx.audit({ targetType: 'agent', targetId: id, before: only(before), after: only(after) });
      emitChange(tx, after, changed);
      return ok(after);
    });
  }

  /** @throws AppError `agent.not-found`, `auth.capability.missing` */
  setSkills(call: Call, { id, skills }: SetSkillsRequest): Promise<Reply> {
    return this.changes.write(call, id, async (tx) => {
      const { agent: before } = await lockAgent(tx, id);
      const added = skills.filter((skill) => !before.skills.includes(skill));
      refuseToExceed(call.agent, added);
      await tx.query({
        text: 'DELETE FROM auth.agent_skills WHERE agent_id = $1 AND capability <> ALL ($2::text[])',
        values: [id, skills],
      });
      await grant(tx, call, id, added);
      const { agent: after } = await lockAgent(tx, id);
      tx.audit({
        targetType: 'agent',
        targetId: id,
        before: { skills: [...before.skills] },
        after: { skills: [...after.skills] },
      });
      if (after.skills.join() !== before.skills.join()) emitChange(tx, after, ['skills']);
      return ok(after);
    });
  }
}

/** Emits what has become of an agent: `agent.suspended` where it was, `agent.updated` for every other change. */
export function emitChange(tx: WriteTx, { id, name, status }: Agent, changed: readonly string[]): void {
  const suspended = changed.includes('status') && status === 'suspended';
  const others = suspended ? changed.filter((field) => field !== 'status') : changed;
  if (suspended) tx.emit({ type: 'agent.suspended', subject: id, data: { agentId: id, name } });
  if (others.length > 0)
    tx.emit({ type: 'agent.updated', subject: id, data: { agentId: id, name, changed: [...others] } });
}

async function grant(tx: Tx, call: Call, agentId: string, skills: readonly Capability[]): Promise<void> {
  await tx.query({
    text: 'SELECT auth.grant_agent_skill($1, skill, $2) FROM unnest($3::text[]) AS skill',
    values: [agentId, call.agent.id, skills],
  });
}

/** The highest rate limit that the caller may give: its own, or any for an administrator. */
async function highestLimit(tx: Tx, { agent }: Call): Promise<number> {
  if (isAdmin(agent)) return Number.MAX_SAFE_INTEGER;
  const { rows } = await tx.query<{ rpm: number }>({
    text: 'SELECT rate_limit_rpm AS rpm FROM auth.agents WHERE id = $1',
    values: [agent.id],
  });
  return rows[0]?.rpm ?? 0;
}

function refuseHigherLimit(wanted: number | undefined, highest: number): void {
  if (wanted === undefined || wanted <= highest) return;
  throw new AppError(
    'agent.rate-limit.too-high',
    `You can give a rate limit of at most your own ${highest} requests a minute; an agent with system_admin can give more.`,
  );
}

/** What somebody else suspended, its owner does not activate. */
function refuseForeignActivation(
  call: Call,
  { status }: Agent,
  wanted: string | undefined,
  setBy: string | null,
): void {
  if (wanted !== 'active' || status === 'active' || isAdmin(call.agent) || setBy === call.agent.id) return;
  throw new AppError(
    'agent.status.not-yours',
    `Somebody else has set this agent to ${status}. Ask them, or an agent with system_admin, to activate it.`,
  );
}

function refuseLargeMetadata(metadata: object | undefined): void {
  if (metadata === undefined || Buffer.byteLength(JSON.stringify(metadata)) <= MAX_METADATA_BYTES) return;
  const errors = [{ path: 'metadata', message: `must have at most ${MAX_METADATA_BYTES} bytes as JSON` }];
  throw new AppError('request.invalid', 'The metadata is too large.', { errors });
}

/** Tells a lost race for a name from any other failure. */
async function nameTaken(name: string, statement: Promise<unknown>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'agents_name_key') throw error;
    throw new AppError('agent.name.taken', `There is an agent named ${name} already. Choose another name.`);
  }
}

function auditedOf({ name, type, status, rateLimitRpm, description, skills }: Agent) {
  return { name, type, status, rateLimitRpm, description, skills: [...skills] };
}
