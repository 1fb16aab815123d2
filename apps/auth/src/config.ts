import { SecretKeepingServiceConfig } from '@agent-platform/service-host';
import { IsInt, Max, Min } from 'class-validator';

/** Every variable that auth reads. */
export class AuthConfig extends SecretKeepingServiceConfig {
  /** Whole months after which a month of the audit log is detached; 0 keeps all. */
  @IsInt()
  @Min(0)
  @Max(1200)
  readonly auditRetentionMonths: number = 0;
}
