import { constants, sign, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { NativeKey } from '#crypto';
import type { FakeAlgorithm } from './key-kinds.js';
import { KmsRefusal, invalid } from './kms-refusal.js';
import { blob, keyId, operation } from './operation.js';

const DIGEST_BYTES = { sha256: 32, sha384: 48, sha512: 64 } as const;
const MAX_MESSAGE = 4_096;

/** Hashes what it is given. The salt is always as long as the digest. */
function signRaw(key: KeyObject, { scheme, hash }: FakeAlgorithm, message: Buffer): Buffer {
  const padding = scheme === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const rsa = key.asymmetricKeyType === 'rsa' ? { padding } : {};
  const salt = scheme === 'pss' ? { saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {};
  return sign(hash ?? null, message, { key, ...rsa, ...salt });
}

/** Never hashes again. */
function signDigest(key: KeyObject, { scheme, hash }: FakeAlgorithm, digest: Buffer): Promise<Buffer> {
  if (!hash) throw invalid('This algorithm takes MessageType RAW only');
  if (digest.length !== DIGEST_BYTES[hash]) throw invalid('Digest is invalid length for algorithm');
  const native = NativeKey.fromPkcs8(key.export({ type: 'pkcs8', format: 'der' }));
  const rsa = [
    ['rsa_padding_mode', scheme],
    ['digest', hash],
    ...(scheme === 'pss' ? [['rsa_pss_saltlen', 'digest'] as const] : []),
  ] as const;
  return native.sign(digest, scheme === 'ecdsa' ? [] : rsa).finally(() => native.dispose());
}

const input = z.object({
  KeyId: keyId,
  Message: blob(1, MAX_MESSAGE),
  MessageType: z.enum(['RAW', 'DIGEST', 'EXTERNAL_MU']).default('RAW'),
  SigningAlgorithm: z.string(),
});

export const SIGN_OPERATIONS = {
  Sign: operation(input, async (account, { KeyId, Message, MessageType, SigningAlgorithm }) => {
    const key = account.keyOrAlias(KeyId);
    key.require('Enabled');
    const algorithm = key.kind.algorithms[SigningAlgorithm];
    if (!algorithm || !key.privateKey) {
      throw new KmsRefusal(
        'InvalidKeyUsageException',
        `Algorithm ${SigningAlgorithm} and key spec ${key.kind.keySpec} do not match.`,
      );
    }
    if (MessageType === 'EXTERNAL_MU') {
      // OpenSSL signs μ by a parameter that its control strings do not reach: for ML-DSA, KMS does and the fake does not.
      throw invalid('EXTERNAL_MU is for ML-DSA only');
    }
    const made = MessageType === 'RAW' ? signRaw : signDigest;
    const signature = await made(key.privateKey, algorithm, Message);
    return { KeyId: key.arn, Signature: signature.toString('base64'), SigningAlgorithm };
  }),
};
