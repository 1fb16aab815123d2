import { IsUUID } from 'class-validator';
import { StreamRequest } from '../stream-request';

/** Where one run is followed as server-sent events until it ends: `run.get` again and again. */
export const RUN_STREAM_PATH = '/v1/runs/{id}/stream';

export class StreamRunRequest extends StreamRequest {
  @IsUUID()
  readonly id!: string;
}
