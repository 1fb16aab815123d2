import { INTERNAL_CALLS, type AgentChanged, type AgentIdentity, type VerifyKeyReply } from '@agent-platform/contracts';
import type { Bus } from '@agent-platform/messaging';
import { hashApiKey } from '@agent-platform/shared-security';
import { LRUCache } from 'lru-cache';

/** Entries live this long at the most, should a broadcast of a change be lost; less once the bus is. */
const MAX_AGE_MS = 30_000;
const MAX_AGE_WITHOUT_BUS_MS = 5000;
const MAX_ENTRIES = 10_000;
/** Keys that are well-formed and unknown: remembered briefly, few of them, and apart, so that they push no agent out. */
const MAX_UNKNOWN = 2000;
const UNKNOWN_MAX_AGE_MS = 5000;
const VERIFY_TIMEOUT_MS = 5000;

/** An agent that its key has proved. */
export type Known = Extract<VerifyKeyReply, { agent: AgentIdentity }>;
type Refused = Extract<VerifyKeyReply, { refused: string }>;
interface Entry {
  readonly reply: Known;
  readonly fetchedAtMs: number;
}

/** Who a key belongs to, as `auth` says; remembered for a short while, dropped at once when `auth` says it changed. */
export class IdentityCache {
  private readonly known = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  private readonly unknown = new LRUCache<string, Refused>({ max: MAX_UNKNOWN, ttl: UNKNOWN_MAX_AGE_MS });
  private readonly asking = new Map<string, Promise<VerifyKeyReply>>();
  /** Counts the changes seen: what was known before one may not hold any more. */
  changes = 0;
  /** Keys that were known, and those that were asked for. */
  hits = 0;
  misses = 0;

  constructor(private readonly bus: Bus) {}

  /** @throws AppError `service.unavailable` or `service.timeout` when `auth` cannot be asked */
  async verify(key: string): Promise<VerifyKeyReply> {
    const hash = hashOf(key);
    const entry = this.known.get(hash);
    const known = entry && this.isFresh(entry) ? entry.reply : this.unknown.get(hash);
    if (known) {
      this.hits++;
      return known;
    }
    this.misses++;
    return this.askOnce(hash);
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.known.size + this.unknown.size;
  }

  /** Whether a key is remembered as a good one: asking for it costs nothing. */
  knows(key: string): boolean {
    const entry = this.known.get(hashOf(key));
    return entry !== undefined && this.isFresh(entry);
  }

  /** An agent changed: what is remembered of it goes; of all, where it is not known which. */
  forget({ agentId }: AgentChanged): void {
    this.changes++;
    if (agentId === null) this.known.clear();
    for (const [hash, { reply }] of this.known.entries()) {
      if (reply.agent.id === agentId) this.known.delete(hash);
    }
    this.unknown.clear();
    // Who asks from now on is not answered with what was read before the change.
    this.asking.clear();
  }

  private isFresh({ reply, fetchedAtMs }: Entry): boolean {
    const now = Date.now();
    const maxAgeMs = this.bus.connected ? MAX_AGE_MS : MAX_AGE_WITHOUT_BUS_MS;
    return now - fetchedAtMs < maxAgeMs && now < reply.expiresAtMs;
  }

  /** Many requests with one new key make one question. */
  private askOnce(hash: string): Promise<VerifyKeyReply> {
    const underWay = this.asking.get(hash);
    if (underWay) return underWay;
    const question = this.ask(hash).finally(() => {
      if (this.asking.get(hash) === question) this.asking.delete(hash);
    });
    this.asking.set(hash, question);
    return question;
  }

  private async ask(hash: string): Promise<VerifyKeyReply> {
    const changesBefore = this.changes;
    const reply = await this.bus.call<VerifyKeyReply>(INTERNAL_CALLS.verifyKey.subject, { hash }, VERIFY_TIMEOUT_MS);
    if (changesBefore === this.changes) {
      if ('agent' in reply) this.known.set(hash, { reply, fetchedAtMs: Date.now() });
      else this.unknown.set(hash, reply);
    }
    return reply;
  }
}

function hashOf(key: string): string {
  return hashApiKey(key).toString('base64url');
}
