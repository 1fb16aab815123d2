import { IsOptional, Matches } from 'class-validator';

/** What every stream of server-sent events takes. */
export class StreamRequest {
  /** The `id` of the last message that was read, to go on after it; for clients that cannot set the header `Last-Event-ID`. */
  @IsOptional()
  @Matches(/^[\x21-\x7e]{1,4096}$/, { message: 'lastEventId must be the id of a message of this stream' })
  readonly lastEventId?: string;
}
