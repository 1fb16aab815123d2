import { IsCertificates, IsCheckedBy, IsPasswordOf } from '@agent-platform/config';
import { IsInt, IsOptional, IsString, IsUrl, Max, Min } from 'class-validator';

/** Every variable that migrate reads. */
export class MigrateConfig {
  /** Of a superuser, or of a role that may create roles and owns the database. */
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

  /** `{"ap_auth": "…"}`: the roles are given these passwords; one that is not named keeps its own. */
  @IsOptional()
  @IsString()
  readonly rolePasswords: string | undefined = undefined;

  /** `{"OpenClaw": "mj_agent_…"}`: the keys that the default agents are made with; `migrate new-keys` prints some. */
  @IsOptional()
  @IsString()
  readonly agentKeys: string | undefined = undefined;

  /** Without AGENT_KEYS the default agents' keys are made and written to `keys.json` there. */
  @IsString()
  readonly dataDir: string = '.data';

  /** How long to wait for a database that cannot be reached yet. */
  @IsInt()
  @Min(0)
  @Max(86_400)
  readonly startWaitSeconds: number = 0;
}
