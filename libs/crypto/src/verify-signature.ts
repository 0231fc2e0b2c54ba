import { constants, hash, verify, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto';
import { AppError } from '#kernel';
import { encodeEcdsaDer, parseEcdsaDer, parseEcdsaRaw, type SignatureFormat } from './ecdsa-encoding.js';
import { isCanonicalScalar, isSmallOrderPoint } from './ed25519-point.js';
import { INLINE_BYTES, type KeySpec } from './key-specs.js';
import { digestSettings } from './native-digest.js';
import { hasNativeOpenSsl, nativeOpenSsl } from './native-openssl.js';
import { checkSignatureInput, type SignatureInput } from './signature-input.js';
import { digestLength, type SignatureRow } from './signature-table.js';
import { VerificationKey } from './verification-key.js';

export interface VerifyInput extends Omit<SignatureInput, 'saltLength'> {
  /** SubjectPublicKeyInfo, DER, as `parsePublicKey` returned it. */
  readonly spki: Buffer;
  readonly signature: Buffer;
  /** How an ECDSA signature is written; absent: DER. */
  readonly format?: SignatureFormat;
  /** RSASSA-PSS: `hash` (the default) demands a salt of the digest's length, `auto` takes any. A number elsewhere is refused. */
  readonly saltLength?: 'auto' | 'hash' | number;
}

/** The signature as OpenSSL takes it, when it is written in the one way it may be written. */
function strictSignature(spec: KeySpec, signature: Buffer, format: SignatureFormat): Buffer | undefined {
  if (spec.order !== undefined) {
    if (format === 'der') return parseEcdsaDer(signature, spec.order) && signature;
    const parsed = parseEcdsaRaw(signature, spec.order);
    return parsed && encodeEcdsaDer(parsed);
  }
  if (spec.keyType === 'rsa') return signature.length === Math.ceil(spec.size / 8) ? signature : undefined;
  if (spec.keyType === 'ed25519') {
    const strict =
      signature.length === 64 &&
      !isSmallOrderPoint(signature.subarray(0, 32)) &&
      isCanonicalScalar(signature.subarray(32));
    return strict ? signature : undefined;
  }
  return signature;
}

const saltLengthOf = (row: SignatureRow, asked: VerifyInput['saltLength']): number | 'auto' => {
  if (asked !== undefined && asked !== 'hash') return asked;
  return row.hash ? digestLength(row.hash) : 0;
};

function nodeKey(key: KeyObject, row: SignatureRow, salt: number | 'auto'): VerifyKeyObjectInput {
  if (row.scheme === 'pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING };
  if (row.scheme !== 'pss') return { key };
  const saltLength = salt === 'auto' ? constants.RSA_PSS_SALTLEN_AUTO : salt;
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

/** Whether it takes less than a trip to the pool, hashing included. */
const isQuick = ({ spec, data }: VerifyInput, key: VerificationKey): boolean =>
  (spec.inline === true || key.isQuickRsa) && data.length <= INLINE_BYTES;

function verifyMessage(
  input: VerifyInput,
  key: VerificationKey,
  salt: number | 'auto',
  signature: Buffer,
): boolean | Promise<boolean> {
  const { row, data } = input;
  const inline = isQuick(input, key);
  // crypto.verify makes OpenSSL's context anew each time.
  if (inline && row.hash && hasNativeOpenSsl()) {
    const digest = hash(row.hash, data, 'buffer');
    return key.native.verifyInline(digest, signature, digestSettings(row, salt));
  }
  const options = nodeKey(key.keyObject, row, salt);
  if (inline) return verify(row.hash ?? null, data, options, signature);
  return new Promise((resolve, reject) => {
    verify(row.hash ?? null, data, options, signature, (error, valid) =>
      error ? reject(error) : resolve(valid),
    );
  });
}

function verifyDigest(
  input: VerifyInput,
  key: VerificationKey,
  salt: number | 'auto',
  signature: Buffer,
): boolean | Promise<boolean> {
  const { row, data } = input;
  const settings = digestSettings(row, salt);
  return isQuick(input, key)
    ? key.native.verifyInline(data, signature, settings)
    : key.native.verify(data, signature, settings);
}

/**
 * Whether the signature is one over the message or digest by the key. Whatever bytes come as signature are
 * answered, never thrown at: DER must be strict, 0 < r, s < order, Ed25519's R of no small order and S reduced.
 * Throws `AppError` where the rest does not fit together (`checkSignatureInput`), and `unsupported_by_engine`
 * for digests where OpenSSL cannot be called.
 */
export async function verifySignature(input: VerifyInput): Promise<boolean> {
  const { row, spec, type, data, format = 'der' } = input;
  const salt = saltLengthOf(row, input.saltLength);
  const explicit = typeof input.saltLength === 'number' ? { saltLength: input.saltLength } : {};
  checkSignatureInput(spec, { row, type, data, ...explicit });
  if (type === 'digest') nativeOpenSsl();
  const signature = strictSignature(spec, input.signature, format);
  if (!signature) return false;
  const key = VerificationKey.of(input.spki);
  try {
    return await (type === 'digest' ? verifyDigest : verifyMessage)(input, key, salt, signature);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // OpenSSL reports some signatures that are none as failures.
    return false;
  }
}
