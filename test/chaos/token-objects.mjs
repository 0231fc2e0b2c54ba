/**
 * Lists all keys of the only token of a PKCS#11 module, past everything that Claviger has for it, for
 * test/chaos/chaos.spec.ts: JSON of `{ class, id, label }`, ids in hex. The module's path is the argument, the PIN is
 * read from standard input.
 */
import { readFileSync } from 'node:fs';
import pkcs11js from 'pkcs11js';

const lib = new pkcs11js.PKCS11();
lib.load(process.argv[2]);
lib.C_Initialize({ flags: pkcs11js.CKF_OS_LOCKING_OK });
const [slot] = lib.C_GetSlotList(true);
const session = lib.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
lib.C_Login(session, pkcs11js.CKU_USER, readFileSync(0, 'utf8'));

const ATTRIBUTES = [pkcs11js.CKA_CLASS, pkcs11js.CKA_ID, pkcs11js.CKA_LABEL].map((type) => ({ type }));

function describe(handle) {
  const [kind, id, label] = lib.C_GetAttributeValue(session, handle, ATTRIBUTES);
  const names = { [pkcs11js.CKO_PUBLIC_KEY]: 'public', [pkcs11js.CKO_PRIVATE_KEY]: 'private' };
  return {
    class: names[kind.value.readUInt32LE()] ?? 'other',
    id: id.value.toString('hex'),
    label: label.value.toString(),
  };
}

lib.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_TOKEN, value: true }]);
const handles = [];
for (let page = lib.C_FindObjects(session, 500); page.length > 0; page = lib.C_FindObjects(session, 500))
  handles.push(...page);
lib.C_FindObjectsFinal(session);
process.stdout.write(JSON.stringify(handles.map(describe)));
