import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createAuth } from './migrations/1764000000000-create-auth';

/** The schema of this service with its history. */
export const AUTH_SCHEMA: MigratedSchema = { schema: 'auth', role: roleOf('auth'), migrations: [createAuth] };
