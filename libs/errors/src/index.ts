export { AppError, type AppErrorOptions, type FieldError } from './app-error';
export { ERRORS, type ErrorCode } from './catalogue';
export { toProblem, type Problem } from './problem';
