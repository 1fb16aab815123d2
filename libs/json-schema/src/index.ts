export { createAjv, fieldErrors } from './validate';
