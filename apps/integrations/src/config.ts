import { SecretKeepingServiceConfig } from '@agent-platform/service-host';
import { IsInt, IsString, IsUrl, Max, Min } from 'class-validator';

/** Every variable that integrations reads. */
export class IntegrationsConfig extends SecretKeepingServiceConfig {
  /** Where people's browsers reach the gateway: authorization servers send them back to `<PUBLIC_URL>/v1/oauth/callback`. */
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false })
  readonly publicUrl: string = 'http://127.0.0.1:3000';

  /** Networks and hosts that may be called although they are special addresses, separated by commas: `127.0.0.0/8`. */
  @IsString()
  readonly egressAllow: string = '';

  /** Networks and hosts that may never be called, separated by commas. */
  @IsString()
  readonly egressDeny: string = '';

  /** What an authorization server may take to answer. */
  @IsInt()
  @Min(100)
  @Max(60_000)
  readonly oauthTimeoutMs: number = 15_000;
}
