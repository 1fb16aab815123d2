import { SERVICES, type ServiceName } from '@agent-platform/contracts';

/** Owns every schema and table and runs migrations. Row-level security is forced, so it has policies of its own. */
export const OWNER_ROLE = 'ap_owner';

/** The login role of a service: `ap_<schema>`. It owns nothing and bypasses nothing. */
export function roleOf(service: ServiceName): string {
  return `ap_${SERVICES[service].schema}`;
}
