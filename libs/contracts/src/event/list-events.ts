import { IsIn, IsOptional, IsString, IsUUID, Matches, MaxLength } from 'class-validator';
import { CloudEvent, EVENT_TYPE_PATTERN } from './event';
import { Page, PageRequest } from '../page';
import { IsTime } from '../is-time';
import { defineAction } from '../define-action';

export class EventPage extends Page {
  /** Of a list that is read oldest first: where to go on once there is more; of the last page too. */
  readonly resumeCursor?: string;
}

export class ListEventsRequest extends PageRequest {
  @IsOptional()
  @Matches(EVENT_TYPE_PATTERN, { message: 'type must be an event type, or the beginning of one with * for the rest' })
  readonly type?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly subject?: string;

  @IsOptional()
  @IsTime()
  readonly since?: string;

  /** Words to find in the data. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly search?: string;

  /** Only what this subscription of the caller's asks for, oldest first: how one with the target `pull` is read. */
  @IsOptional()
  @IsUUID()
  readonly subscription?: string;

  /** `desc` (the default): newest first. `asc`: oldest first; `page.resumeCursor` is where to go on once there is more. */
  @IsOptional()
  @IsIn(['asc', 'desc'])
  readonly order?: 'asc' | 'desc';
}

/** The events that the agent may see. */
export const listEvents = defineAction({
  name: 'event.list',
  capability: 'event_subscribe',
  effect: 'read',
  http: { method: 'GET', path: '/v1/events', success: 200 },
  request: ListEventsRequest,
  reply: CloudEvent,
  list: true,
  page: EventPage,
  problems: ['event.subscription.not-found'],
  summary: 'The events that the agent may see, newest first.',
  example: { type: 'lead.*' },
});
