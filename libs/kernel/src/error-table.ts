/** How loudly an error of a code is logged. */
export type ErrorLevel = 'debug' | 'info' | 'warn' | 'error';

export interface ErrorRow {
  /** HTTP status of RFC 9110. */
  readonly status: number;
  /** Public summary, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  readonly level: ErrorLevel;
  /** One paragraph for `docs/errors/<code>.md`: what it means and what the caller can do. */
  readonly help: string;
}

const row = (status: number, title: string, level: ErrorLevel, help: string): ErrorRow =>
  Object.freeze({ status, title, level, help });

/** Every code Claviger answers with. A null prototype, so that no hostile name resolves. */
export const ERROR_TABLE = Object.freeze(
  Object.assign(Object.create(null) as Record<never, never>, {
    malformed_request: row(
      400,
      'Malformed request',
      'info',
      'The request could not be read: invalid JSON, a forbidden member name, a bad header or a bad URL. Correct it and send it again.',
    ),
    validation_failed: row(
      400,
      'Validation failed',
      'info',
      'A member, parameter or value is missing, unknown or out of bounds. `errors[]` names each place and reason.',
    ),
    invalid_filter: row(
      400,
      'Invalid filter',
      'info',
      'The filter expression does not parse, or names an unknown field or operator. `detail` says where.',
    ),
    filter_too_costly: row(
      400,
      'Filter too costly',
      'info',
      'The filter ran longer than a listing may take. Narrow it with an equality on a tag, alias, metadata value, engine or algorithm.',
    ),
    invalid_bookmark: row(
      400,
      'Invalid bookmark',
      'info',
      'The bookmark was changed, belongs to another tenant, or was made for another filter or sort. Start again without one.',
    ),
    invalid_patch: row(
      400,
      'Invalid JSON Patch',
      'info',
      'The JSON Patch (RFC 6902) is malformed, does not apply to the document, a `test` failed, or the result would break a limit. Nothing was changed.',
    ),
    invalid_key_material: row(
      400,
      'Invalid key material',
      'info',
      'The key could not be read, is inconsistent, or is too weak to be accepted. `detail` names the fault.',
    ),
    invalid_algorithm: row(
      400,
      'Algorithm does not fit',
      'info',
      'The algorithm is unknown or does not fit the key, or the digest has the wrong length for it.',
    ),
    unauthenticated: row(
      401,
      'Authentication required',
      'info',
      'No usable bearer token was sent. Send `Authorization: Bearer <JWT>`.',
    ),
    invalid_token: row(
      401,
      'Invalid token',
      'info',
      'The token was refused: signature, issuer, audience, algorithm or validity. Obtain a new one from a configured issuer.',
    ),
    forbidden: row(
      403,
      'Permission denied',
      'warn',
      'The token does not carry the permission that this route needs.',
    ),
    tenant_unavailable: row(
      403,
      'Tenant not available',
      'warn',
      'The tenant that the token names is suspended or does not exist, or the issuer may not speak for it.',
    ),
    not_found: row(404, 'Not found', 'info', 'There is no such object for this tenant and token.'),
    route_not_found: row(
      404,
      'No such route',
      'info',
      'The method and path do not name a route of this API. See /openapi.json.',
    ),
    not_acceptable: row(
      406,
      'Not acceptable',
      'info',
      'None of the media types in `Accept` can be produced here.',
    ),
    request_timeout: row(
      408,
      'Request timed out',
      'info',
      'The request was not received completely in time.',
    ),
    alias_taken: row(
      409,
      'Alias already taken',
      'info',
      'An alias names one key of a tenant, and another key has this one.',
    ),
    key_exists: row(
      409,
      'Key already exists',
      'info',
      'A key with the same public key already exists in this tenant; `existing_key_id` names it if the token may see it. Of what a device holds: it was adopted already, for this tenant or another.',
    ),
    key_state: row(
      409,
      'Key state does not allow this',
      'info',
      'The key is in a state that does not allow the operation, for example signing with a disabled key.',
    ),
    engine_exists: row(
      409,
      'Engine already exists',
      'info',
      'An engine of that id is registered or declared already.',
    ),
    engine_in_use: row(
      409,
      'Engine in use',
      'info',
      'The engine holds keys, or one is being made in it. Destroy or move them first.',
    ),
    engine_declared: row(
      409,
      'Engine is declared',
      'info',
      'The engine is declared in the configuration of the server, and is changed there.',
    ),
    idempotency_in_progress: row(
      409,
      'Request in progress',
      'info',
      'An earlier request with the same `Idempotency-Key` is still under way. Send the same request again after `Retry-After` seconds: it gets the answer of the earlier one.',
    ),
    job_state: row(
      409,
      'Job has finished',
      'info',
      'The job has finished, so that it cannot be cancelled any more. Its state says how it ended.',
    ),
    tenant_exists: row(409, 'Tenant already exists', 'info', 'A tenant of that id exists already.'),
    stale_version: row(
      412,
      'Stale version',
      'info',
      '`If-Match` does not name the current version of the object. Read it again and decide anew.',
    ),
    body_too_large: row(
      413,
      'Body too large',
      'info',
      'The request body, or the message in it, exceeds the limit.',
    ),
    uri_too_long: row(
      414,
      'URI too long',
      'info',
      'The request target, or a parameter in it, is longer than this API reads.',
    ),
    unsupported_media_type: row(
      415,
      'Unsupported media type',
      'info',
      'Send the body as `application/json`.',
    ),
    unsupported_by_engine: row(
      422,
      'Engine cannot do this',
      'info',
      'The engine, or the runtime it stands on, does not offer the requested key type, size or operation. `detail` says which.',
    ),
    idempotency_key_reused: row(
      422,
      'Idempotency key already used',
      'info',
      'This `Idempotency-Key` was sent with another request (path, `If-Match` or body) in the last 24 hours. Send each new request with a new key.',
    ),
    rate_limited: row(
      429,
      'Too many requests',
      'warn',
      'The request rate is over the limit, or too much slow work of this tenant (imports, RSA keys, jobs, event streams) is waiting already. Wait for `Retry-After` seconds.',
    ),
    headers_too_large: row(431, 'Headers too large', 'info', 'The request headers exceed the limit.'),
    internal: row(
      500,
      'Internal error',
      'error',
      'Something failed that should not have. The request id finds it in the logs.',
    ),
    unavailable: row(
      503,
      'Temporarily unavailable',
      'error',
      'A part that the request needs (database, engine) is not reachable, or the server is shutting down. Try again after `Retry-After` seconds.',
    ),
  }),
);

export type ErrorCode = keyof typeof ERROR_TABLE;
