import type { Agent, AgentIdentity } from '@agent-platform/contracts';
import { readAs, rfc3339, type RowContext } from '@agent-platform/database';
import { AppError } from '@agent-platform/errors';
import { AGENT_POOL, SERVICE_POOL } from '@agent-platform/service-host';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';

/** The capabilities of an agent `a`, in alphabetical order. */
const SKILLS = `ARRAY(SELECT s.capability FROM auth.agent_skills s WHERE s.agent_id = a.id ORDER BY s.capability)`;

@Injectable()
export class AgentsService {
  constructor(
    @Inject(AGENT_POOL) private readonly agentPool: Pool,
    @Inject(SERVICE_POOL) private readonly servicePool: Pool,
  ) {}

  /** @throws AppError `agent.not-found` where the agent is not one that the caller may see */
  async get(rows: RowContext, id: string): Promise<Agent> {
    const [agent] = await readAs<Agent>(this.agentPool, rows, {
      name: 'get-agent',
      text: `SELECT a.id, a.name, a.type, a.status, a.rate_limit_rpm AS "rateLimitRpm", a.description, a.metadata,
               ${SKILLS} AS skills, ${rfc3339('a.created_at')} AS "createdAt", ${rfc3339('a.updated_at')} AS "updatedAt"
             FROM auth.agents a WHERE a.id = $1`,
      values: [id],
    });
    if (!agent) throw new AppError('agent.not-found', `There is no agent ${id}.`);
    return agent;
  }

  /** What others need to know of an agent to let it act; null where there is none. */
  async findIdentity(id: string): Promise<AgentIdentity | null> {
    const { rows } = await this.servicePool.query<AgentIdentity>({
      name: 'find-identity',
      text: `SELECT a.id, a.name, a.status, a.rate_limit_rpm AS "rateLimitRpm", ${SKILLS} AS capabilities
             FROM auth.agents a WHERE a.id = $1`,
      values: [id],
    });
    return rows[0] ?? null;
  }
}
