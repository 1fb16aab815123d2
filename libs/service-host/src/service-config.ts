import { IsCertificates, IsCheckedBy, IsPasswordOf } from '@agent-platform/config';
import { IsIn, IsInt, IsNumber, IsOptional, IsString, IsUrl, Max, MaxLength, Min, MinLength } from 'class-validator';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** What every service reads from its environment. */
export class ServiceConfig {
  /** `nats://user:password@host:port`, of the user of this service. */
  @IsUrl({ protocols: ['nats', 'tls'], require_protocol: true, require_tld: false })
  readonly natsUrl: string = '';

  /** Of the user in NATS_URL, instead of one there. */
  @IsOptional()
  @IsPasswordOf('natsUrl')
  readonly natsPassword: string | undefined = undefined;

  /** Certificates of the authorities that the server's certificate must come from; with it only TLS will do. */
  @IsOptional()
  @IsCertificates()
  readonly natsCa: string | undefined = undefined;

  /** Port of /startupz, /livez, /readyz and /metrics; 0 takes a free one. */
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly port: number = 0;

  /** Address that the port is opened on. */
  @IsString()
  readonly host: string = '0.0.0.0';

  @IsIn(LOG_LEVELS)
  readonly logLevel: (typeof LOG_LEVELS)[number] = 'info';

  /** How long a start waits for NATS, PostgreSQL and migrations that are not there yet, before it gives up. */
  @IsInt()
  @Min(0)
  @Max(86_400)
  readonly startWaitSeconds: number = 0;

  /** Shown by the probes and in traces. */
  @IsOptional()
  @IsString()
  readonly version: string = 'dev';

  /** Base address of an OpenTelemetry collector that takes OTLP over HTTP; without one nothing is recorded. */
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false })
  readonly otelExporterOtlpEndpoint: string | undefined = undefined;

  /** Headers that the collector wants, `name=value` separated by commas. */
  @IsOptional()
  @IsString()
  readonly otelExporterOtlpHeaders: string | undefined = undefined;

  /** The part of the traces that begin here that is recorded. */
  @IsNumber()
  @Min(0)
  @Max(1)
  readonly otelTracesSamplerArg: number = 1;
}

/** What a service reads that owns tables. */
export class DatabaseServiceConfig extends ServiceConfig {
  /** `postgres://user:password@host:port/database`, of this service's role or one that may SET ROLE to it. */
  @IsUrl({ protocols: ['postgres', 'postgresql'], require_protocol: true, require_tld: false })
  readonly databaseUrl: string = '';

  /** Of the user in DATABASE_URL, instead of one there. */
  @IsOptional()
  @IsPasswordOf('databaseUrl')
  readonly databasePassword: string | undefined = undefined;

  /** Certificates of the authorities that the server's certificate must come from, for its host name. */
  @IsOptional()
  @IsCertificates()
  @IsCheckedBy('databaseUrl')
  readonly databaseCa: string | undefined = undefined;

  /** Connections for requests of agents. */
  @IsInt()
  @Min(1)
  @Max(200)
  readonly databasePoolSize: number = 10;
}

/** What a service reads that keeps secrets in its tables. */
export class SecretKeepingServiceConfig extends DatabaseServiceConfig {
  /** What they are encrypted under, by way of other keys: 32 or more random characters, the same for all replicas. */
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
}
