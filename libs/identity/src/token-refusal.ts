import { errors } from 'jose';
import { AppError } from '#kernel';

/** Which check a token failed, in words that tell nothing of what is in it. */
const REFUSALS = Object.freeze({
  malformed: 'The token is malformed.',
  issuer: 'The issuer of the token is not trusted.',
  algorithm: 'The algorithm of the token, or an extension it calls critical, is not accepted.',
  type: 'The type of the token is not accepted.',
  key: 'No key of the issuer fits the token.',
  signature: 'The signature of the token does not verify.',
  audience: 'The token is meant for another audience.',
  expired: 'The token has expired.',
  early: 'The token is not valid yet.',
  claims: 'A claim of the token is missing or malformed.',
  narrowing: 'The authorization details of the token are malformed.',
});

export type Refusal = keyof typeof REFUSALS;

const BY_ERROR: ReadonlyMap<string, Refusal> = new Map<string, Refusal>([
  [errors.JWTExpired.code, 'expired'],
  [errors.JOSEAlgNotAllowed.code, 'algorithm'],
  [errors.JOSENotSupported.code, 'algorithm'],
  [errors.JWKSNoMatchingKey.code, 'key'],
  [errors.JWKSMultipleMatchingKeys.code, 'key'],
  [errors.JWSSignatureVerificationFailed.code, 'signature'],
  [errors.JWSInvalid.code, 'malformed'],
  [errors.JWTInvalid.code, 'malformed'],
]);

const BY_CLAIM: ReadonlyMap<string, Refusal> = new Map<string, Refusal>([
  ['aud', 'audience'],
  ['iss', 'issuer'],
]);

/** A 401 that names the failed check and nothing of the token. */
export const refuseToken = (refusal: Refusal, cause?: unknown): AppError =>
  new AppError('invalid_token', { detail: REFUSALS[refusal], cause });

/**
 * Turns whatever `jose` threw into a refusal; an `AppError` passes as it is. Errors of `jose` are not
 * kept as cause, because they carry the claims and pieces of the token, which must not reach a log.
 * Any other error comes from a key of the issuer that cannot be used: it is kept, and the token refused.
 */
export function refusalOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof errors.JWTClaimValidationFailed && error.reason === 'check_failed') {
    return refuseToken(error.claim === 'nbf' ? 'early' : (BY_CLAIM.get(error.claim) ?? 'claims'));
  }
  if (error instanceof errors.JWTClaimValidationFailed) return refuseToken('claims');
  if (error instanceof errors.JOSEError) return refuseToken(BY_ERROR.get(error.code) ?? 'key');
  return refuseToken('key', error);
}
