import { ServiceConfig } from '@agent-platform/service-host';
import { IsInt, Max, Min } from 'class-validator';

/** Every variable that the gateway reads. */
export class GatewayConfig extends ServiceConfig {
  /** How long an action may take before the caller is told to come back, besides what it asked to wait. */
  @IsInt()
  @Min(100)
  @Max(60_000)
  readonly actionTimeoutMs: number = 10_000;
}
