import { DatabaseServiceConfig } from '@agent-platform/service-host';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';

/** Every variable that auth reads. */
export class AuthConfig extends DatabaseServiceConfig {
  /** What the key that opens signing secrets is encrypted with: 32 or more random characters, the same for all replicas. */
  @IsString()
  @MinLength(32)
  @MaxLength(1024)
  readonly masterKey: string = '';

  /** The one before it, from its change until `npm run vault:rotate` is done. */
  @IsOptional()
  @IsString()
  @MinLength(32)
  @MaxLength(1024)
  readonly masterKeyPrevious: string | undefined = undefined;

  /** Whole months after which a month of the audit log is detached; 0 keeps all. */
  @IsInt()
  @Min(0)
  @Max(1200)
  readonly auditRetentionMonths: number = 0;
}
