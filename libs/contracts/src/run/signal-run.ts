import { IsObject, IsOptional, IsUUID, Matches } from 'class-validator';
import type { JsonObject } from '../json';
import { Run } from './run';
import { defineAction } from '../define-action';

export class SignalRunRequest {
  @IsUUID()
  readonly id!: string;

  /** `approve` and `deny` answer an approval. */
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, {
    message: 'name must be 1 to 128 letters, digits, dots, dashes or underscores',
  })
  readonly name!: string;

  /** What a waiting step gets as its output; of an approval `{stepId, reason}`. */
  @IsOptional()
  @IsObject()
  readonly payload?: JsonObject;
}

/** Sends a signal to a run, or answers its approval. */
export const signalRun = defineAction({
  name: 'run.signal',
  capability: 'workflow_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/runs/{id}/signals/{name}', success: 202 },
  request: SignalRunRequest,
  reply: Run,
  problems: ['run.not-found', 'run.ended', 'run.approval.not-waiting', 'run.approval.own', 'run.signals.too-many'],
  summary: 'Sends a signal to a run, or answers its approval.',
  example: {
    id: '01938f9e-7c1e-7000-8000-000000000001',
    name: 'approve',
    payload: { stepId: 'review', reason: 'looks right' },
  },
});
