import { roleOf, type MigratedSchema } from '@agent-platform/database';
import { createAuth } from './migrations/1764000000000-create-auth';
import { ownedAgents } from './migrations/1764200000000-owned-agents';
import { auditChain } from './migrations/1764200001000-audit-chain';
import { signingSecrets } from './migrations/1764200001500-signing-secrets';
import { keyAndSkillFunctions } from './migrations/1764200002000-key-and-skill-functions';
import { rateLimitWindows } from './migrations/1764200003000-rate-limit-windows';
import { bestAgentBut } from './migrations/1764600000000-best-agent-but';
import { rotateSealingKeys } from './migrations/1764400000000-rotate-sealing-keys';

/** The schema of this service with its history. */
export const AUTH_SCHEMA: MigratedSchema = {
  schema: 'auth',
  role: roleOf('auth'),
  migrations: [
    createAuth,
    ownedAgents,
    auditChain,
    signingSecrets,
    keyAndSkillFunctions,
    rateLimitWindows,
    rotateSealingKeys,
    bestAgentBut,
  ],
};
