import type { Json } from '@agent-platform/contracts';
import type { RetryCause, RetryPolicy } from './definition';
import { DEFAULT_RETRY, MAX_ATTEMPTS, MAX_RETRY_INTERVAL_MS } from './definition-limits';
import { isObject, type DefinitionProblems } from './definition-problems';

const FIELDS = ['maxAttempts', 'initialInterval', 'backoffCoefficient', 'maxInterval', 'jitter', 'retryOn'];
const CAUSES = ['timeout', 'network', '4xx', '5xx'];

/** The retry policy of a step, with the defaults where it says nothing. */
export function retryPolicy(retry: Json | undefined, path: string, problems: DefinitionProblems): RetryPolicy {
  if (retry === undefined) return DEFAULT_RETRY;
  if (!isObject(retry)) {
    problems.fail(path, 'must be an object');
    return DEFAULT_RETRY;
  }
  problems.unknownFields(retry, FIELDS, path);
  const {
    maxAttempts = DEFAULT_RETRY.maxAttempts,
    backoffCoefficient = DEFAULT_RETRY.backoffCoefficient,
    jitter = DEFAULT_RETRY.jitter,
    retryOn,
  } = retry;
  if (!Number.isInteger(maxAttempts) || Number(maxAttempts) < 1 || Number(maxAttempts) > MAX_ATTEMPTS) {
    problems.fail(`${path}.maxAttempts`, `must be a whole number from 1 to ${MAX_ATTEMPTS}`);
  }
  if (typeof backoffCoefficient !== 'number' || backoffCoefficient < 1 || backoffCoefficient > 10) {
    problems.fail(`${path}.backoffCoefficient`, 'must be a number from 1 to 10');
  }
  if (typeof jitter !== 'number' || jitter < 0 || jitter > 1) {
    problems.fail(`${path}.jitter`, 'must be a number from 0 to 1');
  }
  const max = MAX_RETRY_INTERVAL_MS;
  return {
    maxAttempts: Number(maxAttempts),
    backoffCoefficient: Number(backoffCoefficient),
    jitter: Number(jitter),
    retryOn: causes(retryOn, `${path}.retryOn`, problems),
    initialIntervalMs:
      problems.duration(retry.initialInterval, `${path}.initialInterval`, { max }) ?? DEFAULT_RETRY.initialIntervalMs,
    maxIntervalMs: problems.duration(retry.maxInterval, `${path}.maxInterval`, { max }) ?? DEFAULT_RETRY.maxIntervalMs,
  };
}

function causes(retryOn: Json | undefined, path: string, problems: DefinitionProblems): RetryCause[] | undefined {
  if (retryOn === undefined) return undefined;
  const isCause = (cause: Json): cause is RetryCause =>
    typeof cause === 'number'
      ? Number.isInteger(cause) && cause >= 400 && cause < 600
      : CAUSES.includes(cause as string);
  if (Array.isArray(retryOn) && retryOn.every(isCause)) return retryOn;
  return problems.fail(path, `must be a list of ${CAUSES.join(', ')}, or statuses from 400 to 599`);
}
