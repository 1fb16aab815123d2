import {
  AGENT_CHANGED_SUBJECT,
  type AgentChanged,
  type IssueSigningSecretRequest,
  type VerifySignatureReply,
  type VerifySignatureRequest,
} from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { Bus, created, type Call, type Reply } from '@agent-platform/messaging';
import { SERVICE_POOL } from '@agent-platform/service-host';
import { checkReplayWindow, verifySignature } from '@agent-platform/shared-security';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { lockAgent } from '../agents/agent-columns';
import { AgentChanges } from '../agents/agent-changes';
import { emitChange } from '../agents/agents.service';
import { refuseToExceed } from '../agents/authority';
import { Nonces } from './nonces';
import { Vault } from './vault';

interface LiveSecret {
  readonly secret: string;
  readonly expiresAtMs: number;
}

/** SPEC section 3. */
const DEFAULT_GRACE_SECONDS = 24 * 3600;
/** A lost broadcast of a change is made good after this. */
const MAX_AGE_MS = 5000;
const MAX_ENTRIES = 10_000;

@Injectable()
export class SigningSecretsService implements OnModuleInit {
  /** Opened secrets by agent: opening one takes a millisecond of CPU. */
  private readonly live: LRUCache<string, readonly LiveSecret[]>;

  constructor(
    @Inject(SERVICE_POOL) private readonly pool: Pool,
    private readonly bus: Bus,
    private readonly vault: Vault,
    private readonly nonces: Nonces,
    private readonly changes: AgentChanges,
  ) {
    this.live = new LRUCache({
      max: MAX_ENTRIES,
      ttl: MAX_AGE_MS,
      // A change while the secrets are read keeps them from being remembered; who asked before it is answered all the same.
      ignoreFetchAbort: true,
      fetchMethod: (agentId) => this.readSecrets(agentId),
    });
  }

  async onModuleInit(): Promise<void> {
    await this.vault.unlock(this.pool);
    this.bus.subscribe(AGENT_CHANGED_SUBJECT, (message) => {
      const { agentId } = message.json<AgentChanged>();
      if (agentId === null) this.live.clear();
      else this.live.delete(agentId);
    });
  }

  /**
   * Issues a secret, those before it live on for the grace; or takes all away.
   *
   * @throws AppError `agent.not-found`, `auth.capability.missing`, `request.invalid`
   */
  issue(call: Call, { id, graceSeconds, revoke }: IssueSigningSecretRequest): Promise<Reply> {
    if (revoke && graceSeconds !== undefined) {
      const errors = [{ path: 'graceSeconds', message: 'has no meaning with revoke, which is in force at once' }];
      throw new AppError('request.invalid', 'A revocation has no grace period.', { errors });
    }
    return this.changes.write(call, id, async (tx) => {
      const { agent } = await lockAgent(tx, id);
      // Whoever takes the duty to sign away gives the agent's key back its full power.
      refuseToExceed(call.agent, agent.skills);
      const { rows } = await tx.query<{ secret: string | null }>(
        revoke
          ? { text: 'SELECT NULL AS secret FROM auth.revoke_signing_secret($1)', values: [id] }
          : {
              text: 'SELECT auth.rotate_signing_secret($1, make_interval(secs => $2)) AS secret',
              values: [id, graceSeconds ?? DEFAULT_GRACE_SECONDS],
            },
      );
      tx.audit({ targetType: 'agent', targetId: id, after: { signing: revoke ? 'revoked' : 'issued' } });
      emitChange(tx, agent, ['signingSecret']);
      return created({ secret: rows[0]?.secret ?? null });
    });
  }

  /** The window first, then the signature, the nonce last: a forger cannot spend the nonces of an agent. */
  async verify({ agentId, signature, ...command }: VerifySignatureRequest): Promise<VerifySignatureReply> {
    if (!checkReplayWindow(command.timestamp)) return { refused: 'expired' };
    const now = Date.now();
    const secrets = ((await this.live.fetch(agentId)) ?? []).filter(({ expiresAtMs }) => expiresAtMs > now);
    // Taken away since the gateway looked: the agent need not sign any more.
    if (secrets.length === 0) return { refused: null };
    if (!secrets.some(({ secret }) => verifySignature(secret, command, signature))) return { refused: 'invalid' };
    return { refused: (await this.nonces.take(agentId, command.nonce)) ? null : 'replayed' };
  }

  private async readSecrets(agentId: string): Promise<readonly LiveSecret[]> {
    const { rows } = await this.pool.query<{ id: string; keyId: string; sealed: Buffer; expiresAtMs: number | null }>({
      name: 'live-secrets',
      text: `SELECT id, sealing_key_id AS "keyId", sealed, (extract(epoch FROM expires_at) * 1000)::float8 AS "expiresAtMs"
             FROM auth.signing_secrets
             WHERE agent_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY id DESC`,
      values: [agentId],
    });
    return rows.map(({ id, keyId, sealed, expiresAtMs }) => ({
      secret: this.vault.unseal(keyId, sealed, `signing secret ${id} of agent ${agentId}`),
      expiresAtMs: expiresAtMs ?? Infinity,
    }));
  }
}
