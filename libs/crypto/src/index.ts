export { KEY_ALGORITHMS, KEY_SPECS, findKeySpec, type KeyAlgorithm, type KeySpec } from './key-specs.js';
export type { SealBinding, Sealer } from './sealer.js';
export {
  SIGNATURE_TABLE,
  digestLength,
  findSignatureRow,
  fits,
  type HashName,
  type SignatureRow,
} from './signature-table.js';
