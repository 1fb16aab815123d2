import {
  INTERNAL_CALLS,
  PERMIT_LIFETIME_MS,
  type LeasePermitsReply,
  type PermitGrant,
  type PermitRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import { withoutContext } from '@agent-platform/observability';

/** Whether a request may be made, and what its answer says of the limit. */
export interface Decision {
  readonly allowed: boolean;
  /** Requests in any 60 seconds. */
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until the next one is free; 0 where one is now. */
  readonly retryAfterMs: number;
}

interface Waiter {
  readonly since: number;
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: Error) => void;
}

/** Permits of one lease that are left. */
interface Block {
  left: number;
  readonly slot: number;
  readonly expiresAt: number;
}

/** What this gateway knows of the window of one agent. */
interface AgentWindow {
  waiting: Waiter[];
  block: Block | undefined;
  /** To be given back with the next lease. */
  returned: [slot: number, permits: number][];
  /** Permits to ask for beyond those that are waited for. */
  ahead: number;
  /** Permits used since the last lease. */
  used: number;
  last: PermitGrant | undefined;
  /** Until then nothing is asked, as nothing is free. */
  refusedUntil: number;
  /** The agent changed while an answer was on its way: it may be of the old limit. */
  stale: boolean;
}

/** Permits held ahead: at most this part of an agent's limit, so that other gateways find theirs. */
const MAX_AHEAD_SHARE = 0.02;
/** Below this many it is not worth holding any. */
const MIN_AHEAD = 5;
/** Refusals are repeated from memory for so long: another gateway may give permits back meanwhile. */
const REFUSAL_MS = 200;
const SWEEP_MS = 500;
const LEASE_TIMEOUT_MS = 5000;

/**
 * Rate limits of agents, shared by all gateways: each request uses a permit that the ledger in `auth` gave out. Requests that
 * wait at the same time ask together; an agent with a high limit that uses what it gets is given some permits ahead, so that
 * most of its requests ask nobody. A permit is used within its lifetime, counted from before it was asked for, or given back.
 */
export class RateLimiter {
  private readonly windows = new Map<string, AgentWindow>();
  private readonly sweeper: NodeJS.Timeout;
  private asking = false;
  private scheduled = false;

  constructor(private readonly bus: Pick<Bus, 'call'>) {
    this.sweeper = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /**
   * Takes a permit for one request.
   *
   * @throws AppError `service.unavailable`, `service.timeout` when the ledger cannot be asked: without it nobody knows whether
   *   the limit is kept
   */
  take(agentId: string): Decision | Promise<Decision> {
    const window = this.windowOf(agentId);
    const now = performance.now();
    const { block, last } = window;
    if (window.waiting.length === 0 && last) {
      if (block && block.left > 0 && now < block.expiresAt) return use(window, block, last);
      if (now < window.refusedUntil) return refusal(last, window.refusedUntil - now);
    }
    return new Promise((resolve, reject) => {
      window.waiting.push({ since: now, resolve, reject });
      this.schedule();
    });
  }

  /** An agent changed, perhaps its limit: the ledger is asked anew. Null for any agent. */
  forget(agentId: string | null): void {
    const changed = agentId === null ? [...this.windows.values()] : [this.windows.get(agentId)];
    for (const window of changed) {
      if (!window) continue;
      window.refusedUntil = 0;
      window.stale = this.asking;
      giveBack(window);
    }
  }

  /** Gives back what is left. Nothing may be taken any more. */
  async stop(): Promise<void> {
    clearInterval(this.sweeper);
    this.forget(null);
    await this.askAll();
  }

  private windowOf(agentId: string): AgentWindow {
    let window = this.windows.get(agentId);
    if (!window) {
      window = {
        waiting: [],
        block: undefined,
        returned: [],
        ahead: 0,
        used: 0,
        last: undefined,
        refusedUntil: 0,
        stale: false,
      };
      this.windows.set(agentId, window);
    }
    return window;
  }

  /** What comes while one question is under way is the next one. */
  private schedule(): void {
    if (this.asking || this.scheduled) return;
    this.scheduled = true;
    // For all agents, in the trace of none.
    withoutContext(() => setImmediate(() => void this.askAll()));
  }

  private async askAll(): Promise<void> {
    this.scheduled = false;
    if (this.asking) return;
    this.asking = true;
    for (let requests = this.requests(); requests.length > 0; requests = this.requests()) {
      const askedAt = performance.now();
      try {
        const { subject } = INTERNAL_CALLS.leasePermits;
        const { grants } = await this.bus.call<LeasePermitsReply>(subject, { requests }, LEASE_TIMEOUT_MS);
        const byAgent = new Map(grants.map((grant) => [grant.agentId, grant]));
        for (const { agentId } of requests) this.settle(agentId, byAgent.get(agentId), askedAt);
      } catch (error) {
        for (const { agentId } of requests) this.fail(agentId, error as Error);
      }
    }
    this.asking = false;
  }

  private requests(): PermitRequest[] {
    const requests: PermitRequest[] = [];
    for (const [agentId, window] of this.windows) {
      if (window.waiting.length === 0 && window.returned.length === 0) continue;
      if (window.waiting.length > 0) giveBack(window);
      const want = window.waiting.length > 0 ? window.waiting.length + window.ahead : 0;
      requests.push({ agentId, want, returned: window.returned });
      window.returned = [];
    }
    return requests;
  }

  private settle(agentId: string, grant: PermitGrant | undefined, askedAt: number): void {
    const window = this.windowOf(agentId);
    if (!grant) return this.fail(agentId, unavailable('The agent is not in the ledger of rate limits.'));
    const now = performance.now();
    window.last = grant;
    planAhead(window, grant.rpm);
    if (grant.granted > 0)
      window.block = { left: grant.granted, slot: grant.slot, expiresAt: askedAt + PERMIT_LIFETIME_MS };
    const { block } = window;
    if (window.stale || (block && now >= block.expiresAt)) {
      // The answer was too long on its way for its permits to be used: they go back, and who waits asks again, for a while.
      window.stale = false;
      giveBack(window);
      const late = window.waiting.filter(({ since }) => now - since > LEASE_TIMEOUT_MS);
      window.waiting = window.waiting.filter(({ since }) => now - since <= LEASE_TIMEOUT_MS);
      for (const { reject } of late) reject(unavailable('The ledger of rate limits is too slow. Try again shortly.'));
      return;
    }
    while (window.waiting.length > 0 && block && block.left > 0) {
      window.waiting.shift()?.resolve(use(window, block, grant));
    }
    if (grant.remaining === 0 && (block?.left ?? 0) === 0) {
      window.refusedUntil = now + Math.min(grant.retryAfterMs, REFUSAL_MS);
      for (const { resolve } of window.waiting.splice(0)) resolve(refusal(grant, grant.retryAfterMs));
    }
  }

  private fail(agentId: string, error: Error): void {
    for (const { reject } of this.windowOf(agentId).waiting.splice(0)) reject(error);
  }

  /** What was not used in time goes back; an agent that does nothing is forgotten. */
  private sweep(): void {
    const now = performance.now();
    for (const [agentId, window] of this.windows) {
      if (window.block && now >= window.block.expiresAt) giveBack(window);
      if (window.returned.length > 0) this.schedule();
      else if (window.waiting.length === 0 && !window.block && now >= window.refusedUntil) this.windows.delete(agentId);
    }
  }
}

function use(window: AgentWindow, block: Block, { rpm, remaining }: PermitGrant): Decision {
  block.left--;
  window.used++;
  return { allowed: true, limit: rpm, remaining: remaining + block.left, retryAfterMs: 0 };
}

function refusal({ rpm, retryAfterMs }: PermitGrant, knownMs: number): Decision {
  return { allowed: false, limit: rpm, remaining: 0, retryAfterMs: Math.max(retryAfterMs, knownMs, 1) };
}

function giveBack(window: AgentWindow): void {
  const { block } = window;
  if (block && block.left > 0) window.returned.push([block.slot, block.left]);
  window.block = undefined;
}

/** As many ahead as were used since the last lease, within an agent's share: doubles under load, shrinks when it ends. */
function planAhead(window: AgentWindow, rpm: number): void {
  const most = Math.floor(rpm * MAX_AHEAD_SHARE);
  window.ahead = most < MIN_AHEAD ? 0 : Math.min(window.used * 2, most);
  window.used = 0;
}

function unavailable(detail: string): AppError {
  return new AppError('service.unavailable', detail);
}
