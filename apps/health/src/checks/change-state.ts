import type { HealthState } from '@agent-platform/contracts';
import type { Tx } from '@agent-platform/database';
import { announce } from '../alerts/announce';
import type { StandingRow } from './standing.sql';

/** Why a state has changed. */
export interface ChangeCause {
  readonly code: string | null;
  readonly detail: string | null;
  /** An event has told it already, with the end of the connection. */
  readonly isAnnounced: boolean;
}

/** Of a connection that has ended, as its integration says; of a dead grant `integrations` has told, with the reason that it keeps. */
export function endOf({ problem }: StandingRow): ChangeCause {
  const detail = problem ?? 'The token has expired, and the provider gave none to refresh it with.';
  return { code: null, detail, isAnnounced: problem !== null };
}

/**
 * Changes the state of an integration that is locked: the state, its history and its event in the transaction of the evidence, so that each
 * change is told once, however many replicas there are and whenever they die.
 */
export async function changeState(tx: Tx, row: StandingRow, state: HealthState, cause: ChangeCause): Promise<void> {
  const isLost = state === 'down' || state === 'reauth_required';
  const isBack = row.announced && (state === 'healthy' || state === 'degraded');
  const isNews = isLost && !cause.isAnnounced;
  const announced = isLost && (row.announced || isNews);
  await tx.query({
    name: 'change-state',
    text: `WITH changed AS (
             UPDATE health.integrations SET state = $2, since = now(), reason = $3, announced = $4, sequence = sequence + 1
             WHERE id = $1 RETURNING sequence)
           INSERT INTO health.state_changes (integration_id, sequence, agent_id, from_state, to_state, reason)
           SELECT $1, sequence, $5, $6, $2, $3 FROM changed`,
    values: [row.id, state, cause.detail, announced, row.agentId, row.state],
  });
  if (isBack) return announce(tx, row, null);
  if (!isNews) return;
  const code = state === 'down' ? 'integration.down' : (cause.code ?? 'integration.reauth-required');
  return announce(tx, row, { code, detail: cause.detail ?? 'The health check fails.' });
}
