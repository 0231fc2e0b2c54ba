import { ERROR_TABLE, type AppError } from '#kernel';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An error as RFC 9457 `application/problem+json`; `err` is what Lamassu's clients read. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  err: string;
  errors?: { path: string; message: string }[];
  [extension: string]: unknown;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** Where the pages about error codes are served, relative to the server (RFC 9457 §3.1.1). */
const PAGES = '/docs/errors';

export function toProblem(error: AppError, requestId: string): Problem {
  const { status, title } = ERROR_TABLE[error.code];
  return {
    type: `${PAGES}/${error.code}`,
    title,
    status,
    detail: error.detail,
    instance: UUID.test(requestId) ? `urn:uuid:${requestId}` : `urn:claviger:request:${requestId}`,
    code: error.code,
    err: error.detail,
    ...(error.errors.length > 0 && { errors: error.errors.map(({ path, message }) => ({ path, message })) }),
    ...error.extensions,
  };
}
