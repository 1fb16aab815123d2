import { DatabaseServiceConfig } from '@agent-platform/service-host';
import { IsInt, Max, Min } from 'class-validator';

/** Every variable that health reads. */
export class HealthConfig extends DatabaseServiceConfig {
  /** Checks that must fail in a row before an integration is down: one lost packet is none. */
  @IsInt()
  @Min(1)
  @Max(100)
  readonly healthDownAfter: number = 3;

  /** Checks that must succeed in a row before an integration that was down is back. */
  @IsInt()
  @Min(1)
  @Max(100)
  readonly healthUpAfter: number = 2;

  /** Of a health check that names no interval. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  readonly healthCheckIntervalSeconds: number = 60;

  /** Checks that one replica has under way at a time. */
  @IsInt()
  @Min(4)
  @Max(1000)
  readonly maxHealthChecks: number = 64;

  /** Behind the wake-ups: how late a change of an integration or a grant can be seen. */
  @IsInt()
  @Min(1)
  @Max(3600)
  readonly healthSyncSeconds: number = 60;

  /** Days after which history is removed; the longest window needs 30. */
  @IsInt()
  @Min(31)
  @Max(3650)
  readonly healthRetentionDays: number = 35;
}
