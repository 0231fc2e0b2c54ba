import { HttpException } from '@nestjs/common';
import { AppError, type ErrorCode, type FieldError } from '#kernel';

interface AjvError {
  instancePath: string;
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
}

interface FrameworkError extends Error {
  code?: string;
  statusCode?: number;
  validation?: AjvError[];
}

/** Errors that Fastify raises before a handler runs. Their own texts may quote the body, so ours are used. */
const FRAMEWORK: Readonly<Record<string, readonly [ErrorCode, string] | undefined>> = Object.freeze(
  Object.assign(
    Object.create(null) as object,
    {
      FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'The body is too large.'],
      FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json.'],
      FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_request', 'The body is empty, but JSON was announced.'],
      FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_request', 'The body is not valid JSON.'],
      FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
        'malformed_request',
        'The body is not as long as Content-Length says.',
      ],
      FST_ERR_BAD_URL: ['malformed_request', 'The URL cannot be decoded.'],
      FST_ERR_MAX_PARAM_LENGTH: ['uri_too_long', 'A part of the path is too long.'],
    } as const,
  ),
);

function fromAjv(problems: readonly AjvError[]): AppError {
  const errors: FieldError[] = problems.map(({ instancePath, keyword, message, params }) => {
    const member = keyword === 'required' ? params['missingProperty'] : params['additionalProperty'];
    const name = typeof member === 'string' ? member.slice(0, 128) : '';
    const path = `${instancePath.slice(1).replaceAll('/', '.')}${name && instancePath ? '.' : ''}${name}`;
    if (keyword === 'required') return { path, message: 'is required' };
    if (keyword === 'additionalProperties') return { path, message: 'is unknown' };
    if (keyword === 'enum') return { path, message: `must be one of ${String(params['allowedValues'])}` };
    return { path: path || 'body', message: message ?? 'is invalid' };
  });
  const [first] = errors;
  return new AppError('validation_failed', {
    detail: `${first?.path ?? 'body'} ${first?.message ?? 'is invalid'}.`,
    errors,
  });
}

const BY_STATUS: Readonly<Record<number, ErrorCode | undefined>> = {
  400: 'malformed_request',
  // A path that leads out of the folder of the API page.
  403: 'route_not_found',
  404: 'route_not_found',
  406: 'not_acceptable',
  408: 'request_timeout',
  413: 'body_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
  503: 'unavailable',
};

/** What the framework calls the caller's fault stays that, whatever its status. */
const codeOf = (status = 500): ErrorCode =>
  BY_STATUS[status] ?? (status >= 400 && status < 500 ? 'malformed_request' : 'internal');

/** Whatever was thrown, as one of our errors. What nobody meant becomes `internal`, with its cause for the log. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code, statusCode, validation } = error as FrameworkError;
  if (validation) return fromAjv(validation);
  const known = code ? FRAMEWORK[code] : undefined;
  if (known) return new AppError(known[0], { detail: known[1], cause: error });
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  return new AppError(codeOf(status), { cause: error });
}
