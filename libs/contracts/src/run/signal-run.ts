import { Allow, IsNotEmpty, IsOptional, IsString, IsUUID, Matches, MaxLength } from 'class-validator';
import { defineAction } from '../define-action';
import type { Json } from '../json';

/** Letters, digits, dot, dash and underscore; starts with a letter or digit. */
export const SIGNAL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export class SignalRunRequest {
  @IsUUID()
  readonly id!: string;

  /** `approve` and `deny` answer an approval; any other name is for a `wait` step. */
  @Matches(SIGNAL_NAME, { message: 'name must be 1 to 128 letters, digits, dots, dashes or underscores' })
  readonly name!: string;

  /** Any JSON: what the `wait` step's `match` sees as `signal`, and its output. Default null. */
  @IsOptional()
  @Allow()
  readonly payload?: Json;

  /** Of `approve` and `deny`: the approval that is answered. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  readonly stepId?: string;

  /** Of `approve` and `deny`: kept with the answer. */
  @IsOptional()
  @IsString()
  @MaxLength(2000)
  readonly reason?: string;
}

/** A signal that was stored. It is kept until a step takes it, or the run ends. */
export class Signal {
  readonly id!: string;
  readonly runId!: string;
  readonly name!: string;
  readonly createdAt!: string;
}

/** Sends a signal to a run, or answers its approval. */
export const signalRun = defineAction({
  name: 'run.signal',
  capability: 'workflow_execute',
  effect: 'write',
  http: { method: 'POST', path: '/v1/runs/{id}/signals/{name}', success: 202 },
  request: SignalRunRequest,
  reply: Signal,
  summary:
    'Sends a signal to a run that waits for it. `approve` and `deny` with `stepId` and `reason` answer an approval of another agent.',
  example: {
    id: '01938f9e-7c1e-7000-8000-000000000002',
    name: 'approve',
    stepId: 'sign-off',
    reason: 'Within the budget',
  },
});
