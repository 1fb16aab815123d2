import { DatabaseServiceConfig } from '@agent-platform/service-host';
import { IsInt, IsString, Max, Min } from 'class-validator';

/** Every variable that workflow-executor reads. */
export class ExecutorConfig extends DatabaseServiceConfig {
  /** Networks and hosts that steps may call although they are special addresses, separated by commas: `127.0.0.0/8`. */
  @IsString()
  readonly egressAllow: string = '';

  /** Networks and hosts that steps may never call, separated by commas. */
  @IsString()
  readonly egressDeny: string = '';

  /** Runs that one replica has in memory; what comes above it waits for any replica to have room. */
  @IsInt()
  @Min(1)
  @Max(10_000)
  readonly maxRuns: number = 500;
}
