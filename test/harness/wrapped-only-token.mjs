/**
 * The program of a token's child process on a token that takes no private key in clear, as many do in FIPS mode: all
 * that is put in between is what such a token answers to C_CreateObject.
 */
import pkcs11js from 'pkcs11js';

const CLASS = 0;
const PRIVATE_KEY = 3;
const TEMPLATE_INCONSISTENT = 0xd1;

const { prototype } = pkcs11js.PKCS11;
const create = prototype.C_CreateObject;
prototype.C_CreateObject = function (session, template) {
  if (template.some(({ type, value }) => type === CLASS && value === PRIVATE_KEY)) {
    const refused = new pkcs11js.Pkcs11Error(
      'CKR_TEMPLATE_INCONSISTENT',
      TEMPLATE_INCONSISTENT,
      'C_CreateObject',
    );
    throw refused;
  }
  return create.call(this, session, template);
};

await import('../../dist/libs/engines/src/pkcs11/child/main.js');
