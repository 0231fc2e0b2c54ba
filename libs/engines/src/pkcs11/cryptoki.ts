/** Numbers of PKCS#11 3.0 that both processes use; pkcs11js knows those of 2.40 only, and is loaded by the child alone. */
export const CKM = Object.freeze({
  RSA_PKCS_KEY_PAIR_GEN: 0x0000,
  RSA_PKCS: 0x0001,
  RSA_PKCS_OAEP: 0x0009,
  RSA_PKCS_PSS: 0x000d,
  SHA_1: 0x0220,
  SHA256: 0x0250,
  SHA384: 0x0260,
  SHA512: 0x0270,
  EC_KEY_PAIR_GEN: 0x1040,
  ECDSA: 0x1041,
  EC_EDWARDS_KEY_PAIR_GEN: 0x1055,
  EDDSA: 0x1057,
  /** RFC 5649 in some tokens, another padding in others. */
  AES_KEY_WRAP_PAD: 0x210a,
  /** RFC 5649. */
  AES_KEY_WRAP_KWP: 0x210b,
});

export const CKG = Object.freeze({ MGF1_SHA1: 1, MGF1_SHA256: 2, MGF1_SHA384: 3, MGF1_SHA512: 4 });

export const CKK = Object.freeze({ RSA: 0x00, EC: 0x03, AES: 0x1f, EC_EDWARDS: 0x40 });

export const CKF = Object.freeze({
  OS_LOCKING_OK: 0x2,
  HW_SLOT: 0x4,
  RW_SESSION: 0x2,
  SERIAL_SESSION: 0x4,
  SIGN: 0x800,
  GENERATE_KEY_PAIR: 0x10000,
  USER_PIN_FINAL_TRY: 0x20000,
  /** Of mechanisms. */
  UNWRAP: 0x40000,
  /** Of tokens. */
  USER_PIN_LOCKED: 0x40000,
});

export const CKO = Object.freeze({ PUBLIC_KEY: 2, PRIVATE_KEY: 3, SECRET_KEY: 4 });

export const CKA = Object.freeze({
  CLASS: 0x000,
  TOKEN: 0x001,
  PRIVATE: 0x002,
  LABEL: 0x003,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  ENCRYPT: 0x104,
  DECRYPT: 0x105,
  WRAP: 0x106,
  UNWRAP: 0x107,
  SIGN: 0x108,
  SIGN_RECOVER: 0x109,
  VERIFY: 0x10a,
  VERIFY_RECOVER: 0x10b,
  DERIVE: 0x10c,
  MODULUS: 0x120,
  MODULUS_BITS: 0x121,
  PUBLIC_EXPONENT: 0x122,
  PRIVATE_EXPONENT: 0x123,
  PRIME_1: 0x124,
  PRIME_2: 0x125,
  EXPONENT_1: 0x126,
  EXPONENT_2: 0x127,
  COEFFICIENT: 0x128,
  VALUE_LEN: 0x161,
  EXTRACTABLE: 0x162,
  LOCAL: 0x163,
  NEVER_EXTRACTABLE: 0x164,
  ALWAYS_SENSITIVE: 0x165,
  EC_PARAMS: 0x180,
  EC_POINT: 0x181,
  VALUE: 0x011,
});
