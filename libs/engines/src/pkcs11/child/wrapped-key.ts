import type { Handle, Mechanism, PKCS11, Template } from 'pkcs11js';
import { CKA, CKM } from '../cryptoki.js';
import { TokenFailure } from '../token-failure.js';
import type { UnwrapCall } from '../token-protocol.js';
import { wrappedAes } from './key-templates.js';

/** CK_PARAMS_RSA_OAEP of pkcs11js. */
const OAEP_PARAMETERS = 4;
/** CKZ_DATA_SPECIFIED: the label, which is empty. */
const SPECIFIED = 1;
const AES_256 = 32;

const oaep = ([hashAlg, mgf]: UnwrapCall['oaep']): Mechanism => ({
  mechanism: CKM.RSA_PKCS_OAEP,
  parameter: {
    type: OAEP_PARAMETERS,
    hashAlg,
    mgf,
    source: SPECIFIED,
    sourceData: Buffer.alloc(0),
  } as Mechanism['parameter'],
});

/** What the library was given a pointer to and has not answered yet. */
const HELD = new Set<Buffer>();

async function unwrap(
  lib: PKCS11,
  session: Handle,
  [mechanism, key]: readonly [Mechanism, Handle],
  wrapped: string,
  template: Template,
): Promise<Handle> {
  const bytes = Buffer.from(wrapped, 'base64');
  HELD.add(bytes);
  try {
    return await lib.C_UnwrapKeyAsync(session, mechanism, key, bytes, template);
  } finally {
    HELD.delete(bytes);
  }
}

/** Where the token says how long the key is: SoftHSM 2.6 says 0 of one that was unwrapped. */
function isOtherLength(lib: PKCS11, session: Handle, aes: Handle): boolean {
  try {
    const [length] = lib.C_GetAttributeValue(session, aes, [{ type: CKA.VALUE_LEN }]);
    return ![0, AES_256].includes(length?.value.readUInt32LE() ?? 0);
  } catch {
    return false;
  }
}

/**
 * Opens a private key in two steps, for pkcs11js has no words for the parameters of CKM_RSA_AES_KEY_WRAP. The AES key
 * between them is one of the session and gone when this settles. Throws what the library throws, and `TokenFailure`
 * `unopened`.
 */
export async function openWrapped(
  lib: PKCS11,
  session: Handle,
  wrappingKey: Handle,
  call: UnwrapCall,
  template: Template,
): Promise<Handle> {
  const aes = await unwrap(lib, session, [oaep(call.oaep), wrappingKey], call.aes, wrappedAes);
  try {
    if (isOtherLength(lib, session, aes)) throw TokenFailure.of('unopened', 'no AES-256 key');
    return await unwrap(lib, session, [{ mechanism: call.kwp }, aes], call.body, template);
  } finally {
    lib.C_DestroyObject(session, aes);
  }
}
