import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { JsonObject } from '../json';
import { EVENT_TYPE_PATTERN } from './event';
import { NewSubscription } from './subscription';
import { defineAction } from '../define-action';

export class SubscribeRequest {
  /** Of a subscription to change; what is not given stays. Without it a new one is made, which needs `types` and `target`. */
  @IsOptional()
  @IsUUID()
  readonly id?: string;

  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(50)
  @Matches(EVENT_TYPE_PATTERN, { each: true, message: 'types must be event types, or beginnings with * for the rest' })
  readonly types?: string[];

  /** CEL over the envelope, such as `data.points > 10`; an empty text takes it away. */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  readonly filter?: string;

  /** `{type: "webhook", url, headers}` or `{type: "pull"}`. */
  @IsOptional()
  @IsObject()
  readonly target?: JsonObject;

  /** `{schedule: ["5s", "5m", …]}`: how long after each failure the next attempt is made; after the last one it is a dead letter. */
  @IsOptional()
  @IsObject()
  readonly retry?: JsonObject;

  /** Keeps the order of events with the same subject: one at a time. */
  @IsOptional()
  @IsBoolean()
  readonly ordered?: boolean;

  /** Deliveries in a minute at the most, over all replicas; 0 takes the limit away. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  readonly rateLimitRpm?: number;

  /** Makes a new secret. Requests are signed with the old one too for `secretGraceSeconds` (default a day, at most a week). */
  @IsOptional()
  @IsBoolean()
  readonly rotateSecret?: boolean;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(7 * 24 * 3600)
  readonly secretGraceSeconds?: number;

  /** `true` enables one that was disabled, `false` disables it. */
  @IsOptional()
  @IsBoolean()
  readonly enabled?: boolean;

  /** Sends an event of the type `subscription.test` to this subscription alone. */
  @IsOptional()
  @IsBoolean()
  readonly test?: boolean;
}

/** Subscribes to events, or changes a subscription; the secret is shown this once. */
export const subscribe = defineAction({
  name: 'event.subscribe',
  capability: 'event_subscribe',
  effect: 'write',
  http: { method: 'POST', path: '/v1/subscriptions', success: 201 },
  request: SubscribeRequest,
  reply: NewSubscription,
  problems: ['event.subscription.not-found', 'event.subscription.invalid', 'event.subscriptions.too-many'],
  answersSecret: true,
  summary: 'Subscribes to events, or changes a subscription; the secret is shown this once.',
  example: { types: ['lead.*'], target: { type: 'webhook', url: 'https://hooks.example.com/leads' } },
});
