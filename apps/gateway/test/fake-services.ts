import {
  INTERNAL_CALLS,
  type Capability,
  type LeasePermitsRequest,
  type ReadEventsReply,
  type ReadEventsRequest,
  type RecordAuditRequest,
  type StoredEvent,
  type VerifyKeyReply,
  type VerifyKeyRequest,
  type WatchRunReply,
  type WatchRunRequest,
} from '@agent-platform/contracts';
import { Bus } from '@agent-platform/messaging';
import { generateApiKey, hashApiKey } from '@agent-platform/shared-security';

/** What stands behind the gateway, as far as streams need it: each answer can be bent or held back by a test. */
export class FakeServices {
  readonly audit: RecordAuditRequest['entries'][number][] = [];
  readonly polls: ReadEventsRequest[] = [];
  readonly log: StoredEvent[] = [];
  /** How often it was asked whose a key is. */
  verified = 0;
  /** By hash of the key. */
  readonly replies = new Map<string, VerifyKeyReply>();
  /** Held back while it is set. */
  verifying: Promise<unknown> | undefined;
  readEvents: (request: ReadEventsRequest) => Promise<ReadEventsReply> | ReadEventsReply = (request) =>
    this.readLog(request);
  watchRun: (request: WatchRunRequest) => Promise<WatchRunReply> | WatchRunReply = () => {
    throw new Error('nobody watches runs here');
  };
  private wake: (() => void)[] = [];

  private constructor(readonly bus: Bus) {}

  static async start(url: string): Promise<FakeServices> {
    const services = new FakeServices(await Bus.connect({ url, name: 'fake services' }));
    await services.serve();
    return services;
  }

  /** A new agent with a key. */
  agent(capabilities: readonly Capability[], expiresAtMs = Date.now() + 3_600_000): { id: string; key: string } {
    const { key } = generateApiKey();
    const id = `agent-${this.replies.size}`;
    const agent = { id, name: id, status: 'active' as const, rateLimitRpm: 1000, capabilities };
    this.replies.set(hashOf(key), { agent, keyId: `key of ${id}`, expiresAtMs, signs: false });
    return { id, key };
  }

  /** What `auth` says of a key from now on. */
  say(key: string, reply: VerifyKeyReply): void {
    this.replies.set(hashOf(key), reply);
  }

  identityOf(key: string): Extract<VerifyKeyReply, { agent: object }> {
    return this.replies.get(hashOf(key)) as Extract<VerifyKeyReply, { agent: object }>;
  }

  store(type: string, data: object = {}): void {
    const event = JSON.stringify({ id: String(this.log.length + 1), type, data });
    this.log.push({ cursor: `c${this.log.length + 1}`, storedAt: new Date().toISOString(), event });
    for (const wake of this.wake.splice(0)) wake();
  }

  private async serve(): Promise<void> {
    const answer = (subject: string, handle: (request: never) => unknown) =>
      this.bus.subscribe(subject, (message) => {
        void (async () => {
          let reply: object;
          try {
            reply = { data: await handle(message.json<never>()) };
          } catch {
            reply = { error: 'internal' };
          }
          message.respond(JSON.stringify(reply));
        })();
      });
    answer(INTERNAL_CALLS.verifyKey.subject, async ({ hash }: VerifyKeyRequest): Promise<VerifyKeyReply> => {
      this.verified++;
      await this.verifying;
      return this.replies.get(hash) ?? { refused: 'unknown', keyId: null, agentId: null };
    });
    answer(INTERNAL_CALLS.leasePermits.subject, ({ requests }: LeasePermitsRequest) => ({
      grants: requests.map(({ agentId, want }) => ({
        agentId,
        granted: want,
        slot: 1,
        rpm: 1000,
        remaining: 900,
        retryAfterMs: 0,
      })),
    }));
    answer(INTERNAL_CALLS.recordAudit.subject, ({ entries }: RecordAuditRequest) => {
      this.audit.push(...entries);
      return {};
    });
    answer(INTERNAL_CALLS.readEvents.subject, (request: ReadEventsRequest) => {
      this.polls.push(request);
      return this.readEvents(request);
    });
    answer(INTERNAL_CALLS.watchRun.subject, (request: WatchRunRequest) => this.watchRun(request));
    await this.bus.flush();
  }

  private async readLog({ after, limit, waitMs }: ReadEventsRequest): Promise<ReadEventsReply> {
    const start = after === null ? this.log.length : Number(/^c(\d+)$/.exec(after)?.[1] ?? NaN);
    if (Number.isNaN(start)) {
      const refused = { code: 'request.invalid' as const, detail: 'This is no cursor.' };
      return { events: [], cursor: '', more: false, refused };
    }
    if (this.log.length <= start && waitMs > 0) {
      await new Promise<void>((resolve) => {
        this.wake.push(resolve);
        setTimeout(resolve, waitMs).unref();
      });
    }
    const events = this.log.slice(start, start + limit);
    return { events, cursor: events.at(-1)?.cursor ?? `c${start}`, more: false };
  }
}

function hashOf(key: string): string {
  return hashApiKey(key).toString('base64url');
}
