import { IsIn, IsInt, IsObject, IsOptional, IsUUID, Max, Min } from 'class-validator';
import { Command, MAX_LEASE_SECONDS } from '../agent/command';
import type { Json, JsonObject } from '../json';
import { defineAction } from '../define-action';

export const RESPONSES = ['completed', 'failed', 'working', 'cancelled'] as const;

export class RespondRequest {
  @IsUUID()
  readonly id!: string;

  /** `working` keeps the command for another `leaseSeconds`; `cancelled` is for who sent it. */
  @IsIn(RESPONSES)
  readonly status!: (typeof RESPONSES)[number];

  /** Of a completed command: any JSON. */
  @IsOptional()
  readonly result?: Json;

  /** Of a failed command: `{code, detail}`. */
  @IsOptional()
  @IsObject()
  readonly error?: JsonObject;

  /** With `working`. Default 60. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_LEASE_SECONDS)
  readonly leaseSeconds?: number;
}

/** Answers a command, once. */
export const respond = defineAction({
  name: 'me.respond',
  capability: null,
  effect: 'write',
  http: { method: 'POST', path: '/v1/me/commands/{id}/result', success: 200 },
  request: RespondRequest,
  reply: Command,
  problems: ['command.not-found', 'command.answered', 'command.expired', 'command.cancelled'],
  summary: 'Answers a command, once; or keeps it for longer, or, by who sent it, cancels it.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', status: 'completed', result: { leads: 3 } },
});
