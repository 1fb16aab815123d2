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
  @Min(2)
  @Max(100_000)
  readonly maxRuns: number = 1000;

  /** Of one agent. An agent alone gets half of `MAX_RUNS`, so that there is room for the next; this is a bound below it. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxRunsPerAgent: number = 100_000;

  /** Of one workflow. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxRunsPerWorkflow: number = 100_000;

  /** Of one definition, those in branches and loops included. */
  @IsInt()
  @Min(1)
  @Max(10_000)
  readonly maxSteps: number = 1000;

  /** Of one definition. A request has 1 MiB at the most. */
  @IsInt()
  @Min(1024)
  @Max(1024 * 1024)
  readonly maxDefinitionBytes: number = 256 * 1024;

  /** Of the output of a step, and of a run. More would not fit a message of the bus. */
  @IsInt()
  @Min(1024)
  @Max(1024 * 1024)
  readonly maxOutputBytes: number = 1024 * 1024;

  /** Items of one `foreach`. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxForeachItems: number = 10_000;

  /** How long one `wait` may be. */
  @IsInt()
  @Min(1)
  @Max(3650)
  readonly maxWaitDays: number = 30;

  /** How deep runs may start runs. */
  @IsInt()
  @Min(1)
  @Max(100)
  readonly maxChildLevels: number = 8;

  /** Days after which a finished run is removed with its steps; 0 keeps runs for ever. */
  @IsInt()
  @Min(0)
  @Max(36_500)
  readonly runRetentionDays: number = 90;
}
