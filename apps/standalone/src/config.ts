import { IsIn, IsInt, IsOptional, IsString, IsUrl, Max, Min, MinLength } from 'class-validator';

/** What `npm start` reads (SPEC section 10). */
export class StandaloneConfig {
  /** Port of the gateway. */
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly port: number = 3000;

  /** Address that the gateway listens on. */
  @IsString()
  readonly host: string = '127.0.0.1';

  /** Where everything is kept. */
  @IsString()
  readonly dataDir: string = '.data';

  /** A PostgreSQL of one's own: a superuser, or a role that may create roles and owns the database. */
  @IsOptional()
  @IsUrl({ protocols: ['postgres', 'postgresql'], require_protocol: true, require_tld: false })
  readonly databaseUrl: string | undefined = undefined;

  /** A NATS of one's own, with JetStream; see infra/nats for its users. */
  @IsOptional()
  @IsUrl({ protocols: ['nats', 'tls'], require_protocol: true, require_tld: false })
  readonly natsUrl: string | undefined = undefined;

  /** Of the installation whose database DATABASE_URL names; without it one is made and kept in the data folder. */
  @IsOptional()
  @IsString()
  @MinLength(32)
  readonly masterKey: string | undefined = undefined;

  /** The one before it, from a change of MASTER_KEY until `npm run vault:rotate` is done. */
  @IsOptional()
  @IsString()
  @MinLength(32)
  readonly masterKeyPrevious: string | undefined = undefined;

  /** Where browsers reach the gateway, for the people whom authorization servers send back; default its own address. */
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false })
  readonly publicUrl: string | undefined = undefined;

  /** On one's own machine steps may call one's own servers. */
  @IsString()
  readonly egressAllow: string = '127.0.0.0/8,::1';

  @IsString()
  readonly egressDeny: string = '';

  @IsIn(['debug', 'info', 'warn', 'error'])
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' = 'warn';
}
