import {
  AGENT_CHANGED_SUBJECT,
  INTERNAL_CALLS,
  type AgentChanged,
  type AgentIdentity,
  type Capability,
  type GetAgentReply,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { LRUCache } from 'lru-cache';
import type { Bus } from './bus';

/** A lost broadcast of a change is made good after this. */
const MAX_AGE_MS = 5000;
const MAX_ENTRIES = 10_000;

/** What agents may do now, as `auth` says: for work that is done for an agent that is not there. */
export class AgentDirectory {
  private readonly agents: LRUCache<string, GetAgentReply>;

  constructor(bus: Bus) {
    this.agents = new LRUCache<string, GetAgentReply>({
      max: MAX_ENTRIES,
      ttl: MAX_AGE_MS,
      // A change while an answer is on its way keeps it from being remembered; who asked before it gets it all the same.
      ignoreFetchAbort: true,
      fetchMethod: (agentId) => bus.call<GetAgentReply>(INTERNAL_CALLS.getAgent.subject, { agentId }),
    });
    bus.subscribe(AGENT_CHANGED_SUBJECT, (message) => {
      const { agentId } = message.json<AgentChanged>();
      if (agentId === null) this.agents.clear();
      else this.agents.delete(agentId);
    });
    bus.onReconnected(() => this.agents.clear());
  }

  /**
   * The active agent, at once where it is known.
   *
   * @throws AppError `auth.agent.not-active`; `service.unavailable` or `service.timeout` when `auth` cannot be asked,
   *   which says nothing about the agent
   */
  find(agentId: string): AgentIdentity | Promise<AgentIdentity> {
    const known = this.agents.get(agentId);
    if (known) return active(known);
    return this.agents.fetch(agentId).then((reply) => active(reply ?? { agent: null }));
  }
}

/** @throws AppError `auth.capability.missing` */
export function checkCapability({ capabilities }: AgentIdentity, capability: Capability): void {
  if (capabilities.includes(capability)) return;
  throw new AppError('auth.capability.missing', `The agent does not hold ${capability} any more.`, {
    missingCapability: capability,
  });
}

function active({ agent }: GetAgentReply): AgentIdentity {
  if (agent?.status === 'active') return agent;
  throw new AppError('auth.agent.not-active', `The agent is ${agent?.status ?? 'not known any more'}.`);
}
