export { decryptAead, encryptAead } from './aead.js';
export {
  constantTimeEqual,
  deriveKey,
  digestOf,
  hmacSha256,
  hmacSha256Hex,
  sha256,
  sha256Hex,
} from './derive.js';
export {
  encodeEcdsaDer,
  encodeEcdsaRaw,
  formatSignature,
  lowSDer,
  parseEcdsaDer,
  parseEcdsaRaw,
  toLowS,
  type EcdsaSignature,
  type SignatureFormat,
} from './ecdsa-encoding.js';
export { generateEd25519, signEd25519, verifyEd25519, type Ed25519KeyPair } from './ed25519-signing.js';
export { kekVersionOf, openUnder, sealUnder, unwrapKey, wrapKey } from './envelope.js';
export {
  curveParameters,
  curvePublicKey,
  keyNumbers,
  publicNumbers,
  rsaPublicKey,
  type KeyNumbers,
  type PublicNumbers,
} from './key-numbers.js';
export {
  INLINE_BYTES,
  KEY_ALGORITHMS,
  KEY_SPECS,
  findKeySpec,
  getPublicKeySpec,
  type KeyAlgorithm,
  type KeySpec,
} from './key-specs.js';
export { ConcurrencyLimit } from './concurrency-limit.js';
export { mlDsaMu } from './ml-dsa-mu.js';
export { digestSettings } from './native-digest.js';
export { NativeKey } from './native-key.js';
export { hasNativeOpenSsl } from './native-openssl.js';
export { parsePrivateKey, type ParsedPrivateKey } from './private-key-import.js';
export { fingerprintOf, spkiToJwk, spkiToPem } from './public-key-formats.js';
export { publicHalfOf } from './public-half.js';
export { parsePublicHalf, parsePublicKey, type ParsedPublicKey } from './public-key-import.js';
export { runtimeKeySpecs } from './runtime-key-specs.js';
export { checkSignatureInput, maxSaltLength, type SignatureInput } from './signature-input.js';
export { verifySignature, type VerifyInput } from './verify-signature.js';
export { platformKeyBinding } from './platform-key-binding.js';
export { newSecretKey, randomBytes } from './random.js';
export {
  splitWrappedKey,
  unopenedKey,
  unwrapPrivateKey,
  wrapPrivateKey,
  type OaepHash,
} from './rsa-aes-key-wrap.js';
export { RootRing } from './root-ring.js';
export { RootRingError } from './root-ring-error.js';
export { addRoot, removeRoot } from './root-ring-file.js';
export type { RootWrapped, RootWrapper } from './root-wrapper.js';
export type { SealBinding, Sealer } from './sealer.js';
export {
  SIGNATURE_TABLE,
  digestLength,
  findSignatureRow,
  fits,
  type HashName,
  type SignatureRow,
} from './signature-table.js';
