import {
  constants,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Account, ImportToken } from './account.js';
import type { FakeKey } from './fake-key.js';
import { isOfKind } from './key-kinds.js';
import { KmsRefusal, invalid } from './kms-refusal.js';
import { blob, keyId, operation } from './operation.js';

const TOKEN_LIFE_MS = 24 * 3_600_000;
const OAEP_HASHES: Readonly<Record<string, string | undefined>> = {
  RSA_AES_KEY_WRAP_SHA_1: 'sha1',
  RSA_AES_KEY_WRAP_SHA_256: 'sha256',
};

const generate = promisify(generateKeyPair);
const WRAPPING_KEYS = new Map<string, Promise<KeyObject>>();
let turn = 0;

/** Makes the wrapping keys of 4,096 bits now: whoever asks for parameters is not kept waiting for them. */
export const prepareImports = async (): Promise<unknown> =>
  Promise.all([wrappingKey(4_096), wrappingKey(4_096)]);

/** Two of each size take turns, so that public keys and tokens of different answers do not fit each other. */
function wrappingKey(bits: number): Promise<KeyObject> {
  turn += 1;
  const name = `${bits}-${turn % 2}`;
  const made =
    WRAPPING_KEYS.get(name) ?? generate('rsa', { modulusLength: bits }).then(({ privateKey }) => privateKey);
  WRAPPING_KEYS.set(name, made);
  return made;
}

function externalKey(account: Account, id: string): FakeKey {
  const key = account.key(id);
  if (key.isExternal) return key;
  throw new KmsRefusal('UnsupportedOperationException', `${key.arn} origin is AWS_KMS which is not valid`);
}

function throttle(account: Account): void {
  if (account.now - account.lastImportParametersMs < account.options.importIntervalMs) {
    throw new KmsRefusal('ThrottlingException', 'You have exceeded the rate at which you may call KMS.');
  }
  account.lastImportParametersMs = account.now;
}

function takeToken(account: Account, key: FakeKey, token: string): ImportToken {
  const found = account.importTokens.get(token);
  if (!found || found.key !== key) {
    throw new KmsRefusal('InvalidImportTokenException', 'The import token is not one for this key.');
  }
  if (found.expiresMs <= account.now) {
    throw new KmsRefusal('ExpiredImportTokenException', 'The import token has expired.');
  }
  account.importTokens.delete(token);
  return found;
}

function unwrap({ wrappingKey: key, algorithm }: ImportToken, wrapped: Buffer): KeyObject {
  const split = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  try {
    const aes = privateDecrypt(
      { key, oaepHash: OAEP_HASHES[algorithm]!, padding: constants.RSA_PKCS1_OAEP_PADDING },
      wrapped.subarray(0, split),
    );
    if (aes.length !== 32) throw new Error('not an AES-256 key');
    const kwp = createDecipheriv('id-aes256-wrap-pad', aes, Buffer.from('a65959a6', 'hex'));
    return createPrivateKey({ key: kwp.update(wrapped.subarray(split)), format: 'der', type: 'pkcs8' });
  } catch {
    throw new KmsRefusal('InvalidCiphertextException', 'The encrypted key material cannot be read.');
  }
}

function takeMaterial(key: FakeKey, material: KeyObject): void {
  const refused = (why: string): KmsRefusal => new KmsRefusal('IncorrectKeyMaterialException', why);
  if (!isOfKind(key.kind, material)) throw refused(`The key material is not of ${key.kind.keySpec}.`);
  const spki = createPublicKey(material).export({ type: 'spki', format: 'der' });
  if (key.spki && !key.spki.equals(spki)) throw refused('The key material is not the one imported before.');
  key.takeMaterial(material);
  key.state = 'Enabled';
}

export const IMPORT_OPERATIONS = {
  GetParametersForImport: operation(
    z.object({
      KeyId: keyId,
      WrappingAlgorithm: z.string(),
      WrappingKeySpec: z.enum(['RSA_2048', 'RSA_3072', 'RSA_4096']),
    }),
    async (account, input) => {
      const key = externalKey(account, input.KeyId);
      key.require('PendingImport', 'Enabled', 'Disabled');
      if (OAEP_HASHES[input.WrappingAlgorithm] === undefined || !key.kind.imported) {
        throw invalid(`${input.WrappingAlgorithm} does not wrap keys of ${key.kind.keySpec}`);
      }
      throttle(account);
      const wrapping = await wrappingKey(Number(input.WrappingKeySpec.slice('RSA_'.length)));
      const token = randomBytes(64).toString('base64');
      const expiresMs = account.now + TOKEN_LIFE_MS;
      account.importTokens.set(token, {
        key,
        wrappingKey: wrapping,
        algorithm: input.WrappingAlgorithm,
        expiresMs,
      });
      const spki = createPublicKey(wrapping).export({ type: 'spki', format: 'der' });
      return {
        KeyId: key.arn,
        ImportToken: token,
        PublicKey: spki.toString('base64'),
        ParametersValidTo: expiresMs / 1_000,
      };
    },
  ),

  ImportKeyMaterial: operation(
    z.object({
      KeyId: keyId,
      ImportToken: blob(1, 6_144),
      EncryptedKeyMaterial: blob(1, 6_144),
      ExpirationModel: z
        .enum(['KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE'])
        .default('KEY_MATERIAL_EXPIRES'),
      ValidTo: z.number().optional(),
    }),
    (account, input) => {
      const key = externalKey(account, input.KeyId);
      key.require('PendingImport', 'Enabled', 'Disabled');
      if ((input.ExpirationModel === 'KEY_MATERIAL_EXPIRES') !== (input.ValidTo !== undefined)) {
        throw invalid('ValidTo goes with KEY_MATERIAL_EXPIRES, and only with it');
      }
      const token = takeToken(account, key, input.ImportToken.toString('base64'));
      takeMaterial(key, unwrap(token, input.EncryptedKeyMaterial));
      key.expirationModel = input.ExpirationModel;
      return { KeyId: key.arn };
    },
  ),

  DeleteImportedKeyMaterial: operation(z.object({ KeyId: keyId }), (account, input) => {
    const key = externalKey(account, input.KeyId);
    key.privateKey = undefined;
    if (key.state !== 'PendingDeletion') key.state = 'PendingImport';
    return { KeyId: key.arn };
  }),
};
