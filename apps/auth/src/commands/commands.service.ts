import {
  CAPABILITY_NAMES,
  type AgentIdentity,
  type IssueCommandReply,
  type IssueCommandRequest,
} from '@agent-platform/contracts';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { isUuid } from '@agent-platform/shared-security';
import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { IDENTITY_COLUMNS } from '../agents/agent-columns';
import { ProofSigner } from './proof-signer';

const SKILL = 'skill:';

type Refused = Extract<IssueCommandReply, { refused: object }>;

/** Says whom a command goes to, and proves who sent it. */
@Injectable()
export class CommandsService {
  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly signer: ProofSigner,
  ) {}

  async issue(request: IssueCommandRequest): Promise<IssueCommandReply> {
    const { fromAgentId, to: reference } = request;
    const to = await this.find(reference, fromAgentId);
    if (!to) return refuse('agent.not-found', nobody(reference));
    if (to.id === fromAgentId) return refuse('command.agent.own', `${reference} is the agent that sends the command.`);
    if (to.status !== 'active') {
      return refuse('command.agent.not-active', `The agent ${to.name} is ${to.status} and takes no commands.`);
    }
    return { to, proof: this.signer.sign(request, to.id) };
  }

  private async find(reference: string, sender: string): Promise<AgentIdentity | undefined> {
    const skill = reference.startsWith(SKILL) ? reference.slice(SKILL.length) : undefined;
    const condition =
      skill !== undefined
        ? { name: 'skill', text: 'a.id = auth.get_best_agent_for_skill($1, $2)', values: [skill, sender] }
        : isUuid(reference)
          ? { name: 'id', text: 'a.id = $1', values: [reference] }
          : { name: 'name', text: 'a.name = $1', values: [reference] };
    const { rows } = await this.pool.query<AgentIdentity>({
      name: `find-receiver-by-${condition.name}`,
      text: `SELECT ${IDENTITY_COLUMNS} FROM auth.agents a WHERE ${condition.text}`,
      values: condition.values,
    });
    return rows[0];
  }
}

function nobody(reference: string): string {
  if (!reference.startsWith(SKILL)) return `There is no agent ${reference}.`;
  const skill = reference.slice(SKILL.length);
  if ((CAPABILITY_NAMES as readonly string[]).includes(skill)) return `No other active agent holds ${skill}.`;
  return `${skill} is no capability. There are ${CAPABILITY_NAMES.join(', ')}.`;
}

function refuse(code: Refused['refused']['code'], detail: string): Refused {
  return { refused: { code, detail } };
}
