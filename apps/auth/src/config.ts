import { DatabaseServiceConfig } from '@agent-platform/service-host';

/** Every variable that auth reads. */
export class AuthConfig extends DatabaseServiceConfig {}
