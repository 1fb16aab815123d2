import { ArrayMaxSize, IsArray, IsOptional, IsString, IsUUID, Matches, MaxLength } from 'class-validator';
import { EVENT_TYPE_PATTERN } from './event';
import { IsTime } from '../is-time';
import { StreamRequest } from '../stream-request';

/** Where the events of an agent are followed as server-sent events: `event.list` that does not end. */
export const EVENTS_STREAM_PATH = '/v1/events/stream';

export class StreamEventsRequest extends StreamRequest {
  /** Repeatable, or several with commas between; all types where there is none. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @Matches(EVENT_TYPE_PATTERN, {
    each: true,
    message: 'type must be event types, or beginnings with * for the rest',
  })
  readonly type?: string[];

  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly subject?: string;

  /** CEL over the envelope, such as `data.points > 10`. */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  readonly filter?: string;

  /** Only what this subscription of the caller's asks for. */
  @IsOptional()
  @IsUUID()
  readonly subscription?: string;

  /** Begins at this time; without it, and without `lastEventId`, now. */
  @IsOptional()
  @IsTime()
  readonly since?: string;
}
