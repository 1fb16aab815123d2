import { SecretKeepingServiceConfig } from '@agent-platform/service-host';
import { IsInt, IsString, IsUrl, Max, Min } from 'class-validator';

/** Every variable that webhook-receiver reads. */
export class ReceiverConfig extends SecretKeepingServiceConfig {
  /** Where providers reach the gateway: they send webhooks to `<PUBLIC_URL>/v1/webhooks/…`, and some sign that address. */
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false })
  readonly publicUrl: string = 'http://127.0.0.1:3000';

  /** Networks and hosts that webhooks may be sent to although they are special addresses, separated by commas: `127.0.0.0/8`. */
  @IsString()
  readonly egressAllow: string = '';

  /** Networks and hosts that webhooks may never be sent to, separated by commas. */
  @IsString()
  readonly egressDeny: string = '';

  /** Days after which events are removed, and deliveries that have ended with them; 0 keeps them for ever. */
  @IsInt()
  @Min(0)
  @Max(36_500)
  readonly eventRetentionDays: number = 30;

  /** Days for which a provider's delivery is known again; longer than any provider repeats one. */
  @IsInt()
  @Min(1)
  @Max(3650)
  readonly webhookReceiptDays: number = 30;

  /** What an endpoint may take to answer a webhook. */
  @IsInt()
  @Min(100)
  @Max(60_000)
  readonly deliveryTimeoutMs: number = 15_000;

  /** Webhooks that one replica sends at a time. */
  @IsInt()
  @Min(2)
  @Max(10_000)
  readonly maxDeliveries: number = 512;

  /** Hours after which an endpoint that has only failed is disabled. */
  @IsInt()
  @Min(1)
  @Max(8760)
  readonly disableFailingAfterHours: number = 120;

  /** Subscriptions that one agent may have. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxSubscriptionsPerAgent: number = 500;
}
