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

  /** Streams that may be open at a time, of one agent and of all, on this replica. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxStreamsPerAgent: number = 50;

  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxStreams: number = 5000;

  /** How often a stream says that it lives. */
  @IsInt()
  @Min(50)
  @Max(300_000)
  readonly streamHeartbeatMs: number = 15_000;

  /** A stream whose reader takes nothing for so long is closed. */
  @IsInt()
  @Min(50)
  @Max(600_000)
  readonly streamStallMs: number = 60_000;

  /** A stream ends when the service that feeds it cannot be reached for so long. */
  @IsInt()
  @Min(50)
  @Max(600_000)
  readonly streamGiveUpMs: number = 30_000;

  /** How long a stop goes on taking requests with readiness red: until no balancer sends any. */
  @IsInt()
  @Min(0)
  @Max(10_000)
  readonly drainDelayMs: number = 5000;

  /**
   * Networks of the proxies before the gateway, separated by commas, such as `10.0.0.0/8`: of a request from one of them the
   * client's address is read from `X-Forwarded-For`. None: the address of the connection is the client's.
   */
  @IsString()
  readonly trustedProxies: string = '';
}
