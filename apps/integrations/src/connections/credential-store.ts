import type { Tx } from '@agent-platform/database';
import { uuidV7 } from '@agent-platform/shared-security';
import type { QueryResultRow } from 'pg';
import type { Sealed } from '@agent-platform/vault';
import type { SealedIdentity, Vault } from '../vault/vault';

/** Whose credential, for what. */
export type CredentialPlace = Pick<SealedIdentity, 'integrationId' | 'agentId' | 'purpose'>;

/** What is told of a credential beside its content. */
export interface CredentialFacts {
  readonly account?: string | null;
  readonly scopes?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAtMs?: number | null;
  readonly refreshable?: boolean;
  readonly rotates?: boolean | null;
}

/** A sealed credential as it is stored. */
export interface StoredCredential extends Sealed, SealedIdentity, QueryResultRow {}

export const SEALED_COLUMNS = `c.id, c.integration_id AS "integrationId", c.agent_id AS "agentId", c.purpose, c.version,
  c.key_version AS "keyVersion", c.wrapped_key AS "wrappedKey", c.sealed`;

/** Stores a new content in a place, instead of the one that was there. */
export async function putCredential(
  tx: Tx,
  vault: Vault,
  place: CredentialPlace,
  content: object,
  facts: CredentialFacts = {},
): Promise<void> {
  const { integrationId, agentId, purpose } = place;
  // Of two who connect at once, the second stores its content over that of the first.
  await tx.query({
    text: `SELECT pg_advisory_xact_lock(hashtextextended('integration.credential:' || $1 || $2 || $3, 0))`,
    values: [integrationId, agentId, purpose],
  });
  const before = await findCredential(tx, place);
  const identity = { ...place, id: before?.id ?? uuidV7(), version: (before?.version ?? 0) + 1 };
  const { keyVersion, wrappedKey, sealed } = vault.seal(content, identity);
  const { account = null, scopes = [], expiresAtMs = null, refreshable = false, rotates = null } = facts;
  await tx.query({
    text: `INSERT INTO integration.integration_credentials
             (id, integration_id, agent_id, purpose, version, key_version, wrapped_key, sealed, account, scopes, expires_at, refreshable, rotates)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, to_timestamp($11::float8 / 1000), $12, $13)
           ON CONFLICT (integration_id, agent_id, purpose) DO UPDATE SET version = $5, key_version = $6, wrapped_key = $7, sealed = $8,
             account = $9, scopes = $10, expires_at = to_timestamp($11::float8 / 1000), refreshable = $12, rotates = $13,
             state = 'connected', problem = NULL, refresh_until = NULL, refreshed_at = now()`,
    values: [
      identity.id,
      integrationId,
      agentId,
      purpose,
      identity.version,
      keyVersion,
      wrappedKey,
      sealed,
      account,
      scopes,
      expiresAtMs,
      refreshable,
      rotates,
    ],
  });
}

/** The sealed content of a place. */
export async function findCredential(
  tx: Tx,
  { integrationId, agentId, purpose }: CredentialPlace,
): Promise<StoredCredential | undefined> {
  const { rows } = await tx.query<StoredCredential>({
    name: 'find-credential',
    text: `SELECT ${SEALED_COLUMNS} FROM integration.integration_credentials c
           WHERE c.integration_id = $1 AND c.agent_id = $2 AND c.purpose = $3`,
    values: [integrationId, agentId, purpose],
  });
  return rows[0];
}
