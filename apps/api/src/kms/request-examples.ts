/*
 * Requests for the API's description, where one body serves several purposes. The keys are those of RFC 8410 §10,
 * known to everybody.
 */

export const IMPORT_EXAMPLES = {
  'private key': {
    summary: 'A private key, here unencrypted PKCS#8 in DER',
    value: {
      name: 'imported-key',
      private_key: 'MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC',
      tags: ['imported'],
      metadata: { source: 'migration' },
    },
  },
  'public key': {
    summary: 'A public key, which only verifies',
    value: {
      name: 'partner-key',
      public_key: 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=',
    },
  },
};

export const ALIAS_PATCH_EXAMPLES = {
  add: {
    summary: 'Add an alias at the end of the list',
    value: { patches: [{ op: 'add', path: '/-', value: 'new-alias' }] },
  },
  replace: {
    summary: 'Replace the first alias, if it is the one meant',
    value: {
      patches: [
        { op: 'test', path: '/0', value: 'old-alias' },
        { op: 'replace', path: '/0', value: 'new-alias' },
      ],
    },
  },
};

export const METADATA_PATCH_EXAMPLES = {
  add: {
    summary: 'Add a member',
    value: { patches: [{ op: 'add', path: '/environment', value: 'production' }] },
  },
  remove: {
    summary: 'Remove a member',
    value: { patches: [{ op: 'remove', path: '/old-field' }] },
  },
};

export const ENGINE_EXAMPLES = {
  'PKCS#11 token': {
    summary: 'A token behind a library that the server allows, its PIN in a file',
    value: {
      id: 'payments-hsm',
      type: 'PKCS11',
      name: 'Payments HSM',
      config: { module: '/usr/lib/softhsm/libsofthsm2.so', token_label: 'payments' },
      secrets: { pin: 'file:/run/secrets/payments-pin' },
      tenants: ['acme'],
    },
  },
  'AWS KMS': {
    summary: 'An account of AWS KMS, for everybody',
    value: {
      id: 'aws-frankfurt',
      type: 'AWS_KMS',
      name: 'AWS Frankfurt',
      config: { region: 'eu-central-1' },
      secrets: {
        access_key_id: 'env:CLAVIGER_SECRET_AWS_ID',
        secret_access_key: 'env:CLAVIGER_SECRET_AWS_KEY',
      },
    },
  },
};
