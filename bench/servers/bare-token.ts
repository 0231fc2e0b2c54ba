/**
 * A child process that signs by a key in a token and does nothing else: what an engine for tokens can be compared with.
 * Its arguments are the library's path and the token's label, the PIN comes as the first message. It answers it by the
 * public key's point, and each digest by a signature.
 */
import pkcs11js, { type Handle, type Template } from 'pkcs11js';

const SESSIONS = 8;
const P256 = Buffer.from('06082a8648ce3d030107', 'hex');
const SIGNATURE_BYTES = 64;

const [, , library = '', label = ''] = process.argv;
const lib = new pkcs11js.PKCS11();
const idle: Handle[] = [];
const waiting: ((session: Handle) => void)[] = [];
let key: Handle;

const take = (): Handle | Promise<Handle> => idle.pop() ?? new Promise((resolve) => waiting.push(resolve));

function give(session: Handle): void {
  const next = waiting.shift();
  if (next) next(session);
  else idle.push(session);
}

function makeKey(session: Handle): Buffer {
  const stays: Template = [{ type: pkcs11js.CKA_TOKEN, value: true }];
  const pair = lib.C_GenerateKeyPair(
    session,
    { mechanism: pkcs11js.CKM_EC_KEY_PAIR_GEN },
    [...stays, { type: pkcs11js.CKA_EC_PARAMS, value: P256 }, { type: pkcs11js.CKA_VERIFY, value: true }],
    [
      ...stays,
      { type: pkcs11js.CKA_SIGN, value: true },
      { type: pkcs11js.CKA_SENSITIVE, value: true },
      { type: pkcs11js.CKA_EXTRACTABLE, value: false },
    ],
  );
  key = pair.privateKey;
  return lib.C_GetAttributeValue(session, pair.publicKey, [{ type: pkcs11js.CKA_EC_POINT }])[0]!.value;
}

function open(pin: string): Buffer {
  lib.load(library);
  lib.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
  const slot = lib.C_GetSlotList(true).find((one) => lib.C_GetTokenInfo(one).label.trim() === label);
  if (!slot) throw new Error(`there is no token ${label}`);
  const session = (): Handle =>
    lib.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);
  const holder = session();
  lib.C_Login(holder, pkcs11js.CKU_USER, pin);
  for (let made = 0; made < SESSIONS; made += 1) idle.push(session());
  return makeKey(holder);
}

async function sign(digest: Buffer): Promise<Buffer> {
  const session = await take();
  try {
    lib.C_SignInit(session, { mechanism: pkcs11js.CKM_ECDSA }, key);
    return await lib.C_SignAsync(session, digest, Buffer.alloc(SIGNATURE_BYTES));
  } finally {
    give(session);
  }
}

type Call = readonly [number, 'open' | 'sign', string];

process.on('message', ([id, operation, text]: Call) => {
  const made = operation === 'open' ? Promise.resolve(open(text)) : sign(Buffer.from(text, 'base64'));
  void made.then((bytes) => process.send?.([id, bytes.toString('base64')]));
});
process.on('disconnect', () => process.exit(0));
