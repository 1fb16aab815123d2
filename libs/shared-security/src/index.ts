export {
  displayPrefix,
  generateApiKey,
  hashApiKey,
  isWellFormedApiKey,
  verifyApiKey,
  type GeneratedApiKey,
} from './agent-auth';
export { canAgentPerformAction } from './capabilities';
export { isUuid, uuidV7 } from './uuid-v7';
