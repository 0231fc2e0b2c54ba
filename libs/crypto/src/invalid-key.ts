import { AppError } from '#kernel';

/** A key that is refused; `detail` says why and holds nothing of the key. */
export const invalidKey = (detail: string, cause?: unknown): AppError =>
  new AppError('invalid_key_material', { detail, cause });

/** Of a private key, seen or not; one that only verifies may be restricted. */
export const restrictedRsa = (): AppError =>
  invalidKey('RSA keys restricted to RSASSA-PSS are not supported: encode it as rsaEncryption');
