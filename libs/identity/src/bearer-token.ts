const SCHEME = 'bearer ';

/**
 * Longest token that is read, in characters. Anything longer is refused before it is hashed or parsed.
 */
export const MAX_TOKEN_LENGTH = 8_192;

/**
 * The credential of an `Authorization` header (RFC 6750 §2.1), or undefined where there is none.
 * The scheme's name is compared without case (RFC 9110 §11.1). What the token is made of is not looked at.
 */
export function findBearerToken(header: string | undefined): string | undefined {
  if (header === undefined || header.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  return header.slice(SCHEME.length).trim() || undefined;
}
