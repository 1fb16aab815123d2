import { IsIn, IsObject, IsOptional, IsUUID } from 'class-validator';
import { Command } from '../agent/command';
import type { Json, JsonObject } from '../json';
import { defineAction } from '../define-action';

export class RespondRequest {
  @IsUUID()
  readonly id!: string;

  @IsIn(['completed', 'failed'])
  readonly status!: 'completed' | 'failed';

  @IsOptional()
  readonly result?: Json;

  /** Of a failed command: `{code, detail}`. */
  @IsOptional()
  @IsObject()
  readonly error?: JsonObject;
}

/** Answers a command, once. */
export const respond = defineAction({
  name: 'me.respond',
  capability: null,
  effect: 'write',
  http: { method: 'POST', path: '/v1/me/commands/{id}/result', success: 200 },
  request: RespondRequest,
  reply: Command,
  summary: 'Answers a command, once.',
  example: { id: '01938f9e-7c1e-7000-8000-000000000001', status: 'completed', result: { leads: 3 } },
});
