import { AppError } from './app-error.js';

/** The refusal of one member of a request: 400 `validation_failed`, whose detail is a sentence of `path` and `message`. */
export const invalidMember = (path: string, message: string): AppError =>
  new AppError('validation_failed', { detail: `${path} ${message}.`, errors: [{ path, message }] });
