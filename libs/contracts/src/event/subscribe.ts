import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
} from 'class-validator';
import type { JsonObject } from '../json';
import { EVENT_TYPE_PATTERN, NewSubscription } from './event';
import { defineAction } from '../define-action';

export class SubscribeRequest {
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @Matches(EVENT_TYPE_PATTERN, { each: true, message: 'types must be event types, or beginnings with * for the rest' })
  readonly types!: string[];

  /** CEL over the envelope. */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  readonly filter?: string;

  /** `{type: "webhook", url}` or `{type: "pull"}`. */
  @IsObject()
  readonly target!: JsonObject;

  /** The retry schedule. */
  @IsOptional()
  @IsObject()
  readonly retry?: JsonObject;

  /** Keeps the order of events with the same subject. */
  @IsOptional()
  @IsBoolean()
  readonly ordered?: boolean;
}

/** Subscribes to events; the secret is shown this once. */
export const subscribe = defineAction({
  name: 'event.subscribe',
  capability: 'event_subscribe',
  effect: 'write',
  http: { method: 'POST', path: '/v1/subscriptions', success: 201 },
  request: SubscribeRequest,
  reply: NewSubscription,
  answersSecret: true,
  summary: 'Subscribes to events; the secret is shown this once.',
  example: { types: ['lead.*'], target: { type: 'webhook', url: 'https://hooks.example.com/leads' } },
});
