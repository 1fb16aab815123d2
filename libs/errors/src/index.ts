export { AppError, type AppErrorOptions, type FieldError } from './app-error';
export { ERRORS, type ErrorCode } from './catalogue';
export { isCertificateProblem } from './certificate-problem';
export { toProblem, type Problem } from './problem';
