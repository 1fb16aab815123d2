export {
  displayPrefix,
  generateApiKey,
  hashApiKey,
  isWellFormedApiKey,
  verifyApiKey,
  type GeneratedApiKey,
} from './agent-auth';
export { canAgentPerformAction } from './capabilities';
export { checkReplayWindow, generateSignature, verifySignature, type SignedCommand } from './command-signing';
export { decrypt, deriveKey, encrypt, generateIV } from './encryption';
export { hmacSha256 } from './hmac';
export { checkRateLimit, getRemainingRequests, recordRequest, type RateLimit, type RequestLog } from './rate-limiter';
export { findSlowPattern } from './slow-pattern';
export { isUuid, uuidV7 } from './uuid-v7';
