import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { MAX_LEASE_SECONDS } from '../agent/command';
import { StreamRequest } from '../stream-request';

/** Where the commands of an agent are taken as server-sent events: `me.commands` that does not end. */
export const COMMANDS_STREAM_PATH = '/v1/me/commands/stream';

export class StreamCommandsRequest extends StreamRequest {
  /** As of `me.commands`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_LEASE_SECONDS)
  readonly leaseSeconds?: number;
}
