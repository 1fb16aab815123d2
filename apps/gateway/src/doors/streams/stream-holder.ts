import type { ActionDefinition } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { Refusal, unauthenticated } from '../../pipeline/authenticate';
import { authorize } from '../../pipeline/authorize';
import type { IdentityCache, Known } from '../../pipeline/identity-cache';

/** After a change it must be known within this time whether the stream may go on. */
const FAIL_SAFE_MS = 3000;
const ASK_AGAIN_MS = 100;
/** The longest time that a timer can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Who reads: its own, or everyone's. */
export interface Reader {
  readonly id: string;
  readonly seesAll: boolean;
}

interface HolderParts {
  readonly key: string;
  readonly identity: Known;
  readonly action: ActionDefinition;
  readonly identities: IdentityCache;
  /** Called when the stream may not go on. */
  readonly onLost: (error: Refusal | AppError) => void;
}

/** Whose stream it is: looked at again whenever the agent has changed, and when its key expires. */
export class StreamHolder {
  private identity: Known;
  private expiry: NodeJS.Timeout | undefined;
  private failSafe: NodeJS.Timeout | undefined;
  /** Counts the changes: only what was asked after the last of them settles it. */
  private changes = 0;
  private settling: { readonly settled: Promise<void>; readonly settle: () => void } | undefined;
  private released = false;

  constructor(private readonly parts: HolderParts) {
    this.identity = parts.identity;
  }

  get reader(): Reader {
    const { id, capabilities } = this.identity.agent;
    return { id, seesAll: capabilities.includes('system_admin') };
  }

  /** @throws Refusal where the stream may not go on; AppError `service.unavailable`, `service.timeout` */
  async check(): Promise<void> {
    const { key, action, identities } = this.parts;
    const reply = await identities.verify(key);
    if ('refused' in reply) throw unauthenticated(reply.refused, reply.agentId, reply.keyId);
    authorize(reply, action);
    this.identity = reply;
    this.watchExpiry();
  }

  /** Something of the agent has changed: asks until it is known whether the stream may go on, and for not too long. */
  changed(): void {
    if (this.released) return;
    this.changes++;
    if (!this.settling) {
      let settle = () => {};
      const settled = new Promise<void>((resolve) => (settle = resolve));
      this.settling = { settled, settle };
      const unknown = new AppError('service.unavailable', 'It cannot be told now whether the stream may go on.');
      this.failSafe = setTimeout(() => this.parts.onLost(unknown), FAIL_SAFE_MS);
    }
    void this.lookAgain(this.changes);
  }

  /** Resolves when no question is open. */
  async settled(): Promise<void> {
    while (this.settling) await this.settling.settled;
  }

  /** The stream has ended. */
  release(): void {
    this.released = true;
    clearTimeout(this.expiry);
    this.settle();
  }

  private async lookAgain(change: number): Promise<void> {
    while (!this.released && change === this.changes) {
      try {
        await this.check();
        if (change === this.changes) this.settle();
        return;
      } catch (error) {
        if (error instanceof Refusal) return this.parts.onLost(error);
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    }
  }

  private settle(): void {
    clearTimeout(this.failSafe);
    this.settling?.settle();
    this.settling = undefined;
  }

  private watchExpiry(): void {
    clearTimeout(this.expiry);
    if (this.released) return;
    const { agent, keyId, expiresAtMs } = this.identity;
    const expire = () => this.parts.onLost(unauthenticated('expired', agent.id, keyId));
    // Looked at again before each poll, and so long before a timer at its longest.
    this.expiry = setTimeout(expire, Math.min(expiresAtMs - Date.now(), MAX_TIMER_MS));
  }
}
