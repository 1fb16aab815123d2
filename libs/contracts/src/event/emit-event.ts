import { IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import type { JsonObject } from '../json';
import { EmittedEvent, EVENT_TYPE, RESERVED_EVENT_PREFIXES } from './event';
import { defineAction } from '../define-action';

const NOT_RESERVED = new RegExp(`^(?!(?:${RESERVED_EVENT_PREFIXES.join('|')})\\.)`);

export class EmitEventRequest {
  @Matches(NOT_RESERVED, { message: `type must not begin with ${RESERVED_EVENT_PREFIXES.join('., ')}.` })
  @Matches(EVENT_TYPE, { message: 'type must be lower-case words with dots between, such as lead.scored' })
  readonly type!: string;

  @IsObject()
  readonly data!: JsonObject;

  /** What the event is about. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly subject?: string;
}

/** Emits an event of a type of the agent's own. */
export const emitEvent = defineAction({
  name: 'event.emit',
  capability: 'event_publish',
  effect: 'write',
  http: { method: 'POST', path: '/v1/events', success: 202 },
  request: EmitEventRequest,
  reply: EmittedEvent,
  summary: "Emits an event of a type of the agent's own.",
  example: { type: 'lead.scored', data: { lead: 'lead-7', points: 14 } },
});
