import { ServiceConfig } from '@agent-platform/service-host';
import { IsInt, IsString, Max, Min } from 'class-validator';

/** Every variable that the gateway reads. */
export class GatewayConfig extends ServiceConfig {
  /** How long an action may take before the caller is told to come back, besides what it asked to wait. */
  @IsInt()
  @Min(100)
  @Max(60_000)
  readonly actionTimeoutMs: number = 10_000;

  /** How often a client address may fail to authenticate in any 60 seconds, on this replica. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly failedAuthenticationsPerMinute: number = 60;

  /**
   * Networks of the proxies before the gateway, separated by commas, such as `10.0.0.0/8`: of a request from one of them the
   * client's address is read from `X-Forwarded-For`. None: the address of the connection is the client's.
   */
  @IsString()
  readonly trustedProxies: string = '';
}
